// Text of strangers, such as a reason string of the broker, in one line on stderr.

/** Makes control characters visible: they must not move the cursor or begin a second line. */
export function oneLine(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
