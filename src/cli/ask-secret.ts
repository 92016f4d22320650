// Asks on a terminal for what nobody may see.

import { SecretLine } from './secret-line.js'

/** See `askSecret` of `Terminal`; `dieBy` ends this process as the signal would have done. */
export function askSecret(
  stdin: NodeJS.ReadStream,
  stderr: NodeJS.WriteStream,
  prompt: string,
  dieBy: (signal: 'SIGINT' | 'SIGQUIT') => void,
): Promise<string> {
  return new Promise((resolve) => {
    const line = new SecretLine()
    const finish = (): void => {
      stdin.removeListener('data', onData)
      stdin.removeListener('end', onEnd)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
    }
    const onData = (chunk: string): void => {
      const characters = [...chunk]
      for (const [at, character] of characters.entries()) {
        const end = line.take(character)
        if (end === undefined) continue
        finish()
        // Raw mode hands on as characters what would be signals.
        if (end === 'interrupt' || end === 'quit') {
          return dieBy(end === 'interrupt' ? 'SIGINT' : 'SIGQUIT')
        }
        const rest = characters.slice(at + 1).join('')
        const ahead = character === '\r' ? rest.replace(/^\n/, '') : rest
        if (ahead !== '') stdin.unshift(ahead)
        return resolve(line.text)
      }
    }
    const onEnd = (): void => {
      finish()
      resolve(line.text)
    }
    stdin.setRawMode(true) // before the prompt: whoever answers it at once must not be echoed
    stdin.setEncoding('utf8')
    stdin.on('data', onData)
    stdin.on('end', onEnd)
    stdin.resume() // after an earlier question
    stderr.write(prompt)
  })
}
