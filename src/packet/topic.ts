// Topic Names and Topic Filters: what is legal, and which filter matches which name.

/** Length limit of every string in MQTT, in bytes [MQTT-4.7.3-3]. */
export const MAX_STRING_BYTES = 65_535

/** What is wrong with a Topic Name, to follow its subject in a sentence, or undefined. */
export function topicFault(topic: string): string | undefined {
  if (topic.length === 0) return 'is empty' // [MQTT-4.7.3-1]
  if (topic.includes('#') || topic.includes('+')) return 'holds a wildcard (+ or #)' // [MQTT-3.3.2-2]
  return stringFault(topic)
}

/** What is wrong with a Topic Filter, to follow its subject in a sentence, or undefined. */
export function filterFault(filter: string): string | undefined {
  if (filter.length === 0) return 'is empty' // [MQTT-4.7.3-1]
  const fault = stringFault(filter)
  if (fault !== undefined) return fault
  const levels = filter.split('/')
  if (levels[0] === '$share') {
    // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    const name = levels[1]
    if (name === undefined || name === '' || /[+#]/.test(name)) return 'has no valid ShareName after $share/'
    if (levels.length < 3 || (levels.length === 3 && levels[2] === ''))
      return 'has no filter after its ShareName'
  }
  for (const [at, level] of levels.entries()) {
    // [MQTT-4.7.1-1] [MQTT-4.7.1-2]
    if (level.includes('#') && (level !== '#' || at !== levels.length - 1))
      return 'has # elsewhere than as its last level'
    if (level.includes('+') && level !== '+') return 'has + beside other characters in a level'
  }
  return undefined
}

/** What keeps a string out of a packet, or undefined [MQTT-1.5.4-1] [MQTT-1.5.4-2]. */
export function stringFault(text: string): string | undefined {
  if (text.includes('\0')) return 'holds U+0000'
  if (!text.isWellFormed()) return 'is not well-formed Unicode (a lone surrogate)'
  // No string of a third of the limit can exceed it, which spares the count for all that occur.
  if (text.length * 3 > MAX_STRING_BYTES && Buffer.byteLength(text) > MAX_STRING_BYTES) {
    return `is longer than ${MAX_STRING_BYTES} bytes`
  }
  return undefined
}

/** Whether a message on `topic` belongs to a subscription to `filter`; a `$share/name/` in front is passed over. */
export function matches(filter: string, topic: string): boolean {
  if (filter.startsWith('$share/')) filter = filter.slice(filter.indexOf('/', 7) + 1)
  // A leading wildcard does not claim names such as $SYS/uptime [MQTT-4.7.2-1].
  if (topic.startsWith('$') && (filter.startsWith('#') || filter.startsWith('+'))) return false
  const wanted = filter.split('/')
  const given = topic.split('/')
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return true // also for the parent level: a/# matches a
    if (at >= given.length) return false
    if (level !== '+' && level !== given[at]) return false
  }
  return wanted.length === given.length
}
