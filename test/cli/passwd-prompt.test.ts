// Prompts in a pseudo-terminal, which script(1) makes: what is shown, what is not, and the terminal afterwards
// (contract 6.2, 8.6 Q74 and Q75).

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findCommand, type Running, start } from '../support/processes.js'
import { temporaryFolder } from '../support/run.js'
import { assertLine, assertUntouched, beside, fileWith, passwd, read, SECRET } from './passwd-support.js'

const BIN = fileURLToPath(new URL('../../bin/mqtt-passwd', import.meta.url))
const options = findCommand('script') === undefined ? { skip: 'script (of bsdutils) is not on PATH' } : {}
const ASKED = 'Password: '
const AGAIN = 'The same again: '

/** Runs it in a terminal; then the shell says how it ended and what the terminal is like. */
function inTerminal(t: TestContext, args: readonly string[], redirect = ''): Running {
  const command = `sh -c 'echo "pid $$"; exec "$0" "$@"' ${[process.execPath, BIN, ...args].join(' ')} ${redirect}`
  const text = `ulimit -c 0; ${command}; echo "status $?"; stty -a | grep -ow -e '-*echo' -e '-*icanon' -e '-*isig'`
  return start(t, findCommand('script') as string, ['-qec', text, '/dev/null'], { input: 'open' })
}

/** Everything that was shown, after the program and the shell have ended. */
async function shown(running: Running): Promise<string> {
  const { stdout } = await running.ended
  const text = stdout
    .toString()
    .replaceAll('\r\n', '\n')
    .replace(/^pid .*\n/, '')
  assert.match(text, /\nisig\nicanon\necho\n$/, 'the terminal is as it was')
  return text.replace(/isig\nicanon\necho\n$/, '')
}

async function answer(running: Running, ...typed: readonly string[]): Promise<void> {
  const prompts = [ASKED, AGAIN]
  for (const each of typed) {
    await running.printsAtEnd(prompts.shift() as string)
    running.write(each)
  }
}

describe('6.2 on a terminal', { concurrency: 4, ...options }, () => {
  test('6.2 asks twice without echo; what was done is said', async (t) => {
    const path = fileWith(t, '')
    const running = inTerminal(t, [path, 'u'])
    await answer(running, `${SECRET}\r`, `${SECRET}\r`)
    assert.equal(await shown(running), `${ASKED}\n${AGAIN}\nadded u\nstatus 0\n`)
    await assertLine(read(path), 1, 'u', SECRET)
  })
  test('8.6 Q75 prompts go to standard error: -c - prints the line alone', async (t) => {
    const out = join(temporaryFolder(t), 'out')
    const running = inTerminal(t, ['-c', '-', 'u'], `> ${out}`)
    await answer(running, 'pä ss\r', 'pä ss\r')
    // The pid went there too.
    await running.ended
    const text = read(out).replace(/^pid .*\n/, '')
    assert.match(text, /^u:\$7\$[^\n]*\n$/)
    await assertLine(text, 1, 'u', 'pä ss')
  })
  test('8.6 Q75 backspace and Ctrl-U edit', async (t) => {
    const path = fileWith(t, '')
    const running = inTerminal(t, [path, 'u'])
    await answer(running, `gexx\u007f\u007fheim-4ä\u007f711\r`, `wrong\u0015${SECRET}\r`)
    assert.match(await shown(running), /status 0\n$/)
    await assertLine(read(path), 1, 'u', SECRET)
  })
  test('keys that stand for nothing leave no trace in the password', async (t) => {
    const path = fileWith(t, '')
    const running = inTerminal(t, [path, 'u'])
    await answer(running, `ab\u001b[D\u001bOA\t\r`, `ab\u001b[3~\u0004\u001a\r`)
    assert.match(await shown(running), /status 0\n$/)
    await assertLine(read(path), 1, 'u', 'ab')
  })
  test('Ctrl-W takes a word back', async (t) => {
    const path = fileWith(t, '')
    const running = inTerminal(t, [path, 'u'])
    await answer(running, 'one two \u0017three\r', 'one three\r')
    assert.match(await shown(running), /status 0\n$/)
    await assertLine(read(path), 1, 'u', 'one three')
  })
  test('Ctrl-\\ ends by SIGQUIT, the terminal restored, the file untouched', async (t) => {
    const path = fileWith(t, 'a:b\n')
    const running = inTerminal(t, [path, 'a'])
    await answer(running, 'half\u001c')
    const text = await shown(running)
    assert.match(text, /status 131\n$/)
    assert.ok(!text.includes('half'))
    assertUntouched(path, 'a:b\n')
  })
  test('both answers typed ahead, or pasted', async (t) => {
    const path = fileWith(t, '')
    const running = inTerminal(t, [path, 'u'])
    await answer(running, `${SECRET}\r${SECRET}\r`)
    assert.match(await shown(running), /added u\nstatus 0\n$/)
    await assertLine(read(path), 1, 'u', SECRET)
  })
  test('6.2 6.7 a mismatch: exit 2, the file untouched', async (t) => {
    const path = fileWith(t, 'a:b\n')
    const running = inTerminal(t, [path, 'a'])
    await answer(running, `${SECRET}\r`, 'other\r')
    const text = await shown(running)
    assert.match(text, /error:.* the passwords differ\nstatus 2\n$/)
    assert.ok(!text.includes(SECRET))
    assertUntouched(path, 'a:b\n')
  })
  for (const [what, typed] of [
    ['an empty entry', ['\r']],
    ['Ctrl-D', ['\u0004']],
    ['an empty repetition', [`${SECRET}\r`, '\r']],
  ] as const) {
    test(`6.2 ${what}: not 0, the file untouched`, async (t) => {
      const path = fileWith(t)
      const running = inTerminal(t, ['-c', path, 'a'])
      await answer(running, ...typed)
      assert.match(
        await shown(running),
        what === 'an empty repetition' ? /status [12]\n$/ : /empty.*\nstatus 1\n$/,
      )
      assertUntouched(path)
    })
  }
  for (const typed of [[], [`${SECRET}\r`]] as const) {
    test(`8.6 Q74 Ctrl-C at prompt ${typed.length + 1}: ends by SIGINT, the terminal restored, the file untouched`, async (t) => {
      const path = fileWith(t, 'a:b\n')
      const running = inTerminal(t, [path, 'a'])
      await answer(running, ...typed, 'half\u0003')
      const text = await shown(running)
      assert.match(text, /status 130\n$/)
      assert.ok(!text.includes('half'))
      assertUntouched(path, 'a:b\n')
    })
  }
  test('8.6 Q74 SIGTERM at the prompt: ends by it, the terminal restored, the file untouched', async (t) => {
    const path = fileWith(t, 'a:b\n')
    const running = inTerminal(t, [path, 'a'])
    await running.printsAtEnd(ASKED)
    process.kill(Number(/^pid (\d+)/.exec(running.stdout.toString())?.[1]), 'SIGTERM')
    assert.match(await shown(running), /status 143\n$/)
    assertUntouched(path, 'a:b\n')
  })
  test('a run at its prompt holds no lock', async (t) => {
    const path = fileWith(t, '')
    const running = inTerminal(t, [path, 'slow'])
    await running.printsAtEnd(ASKED)
    assert.equal((await passwd(t, ['--quiet', '-b', '--lock-timeout', '0', path, 'quick', 'x'])).code, 0)
    assert.deepEqual(beside(path), [])
    await answer(running, `${SECRET}\r`, `${SECRET}\r`)
    assert.match(await shown(running), /status 0\n$/)
    await assertLine(read(path), 1, 'quick', 'x')
    await assertLine(read(path), 2, 'slow', SECRET)
  })
  test('--verify asks once', async (t) => {
    const path = fileWith(t, '')
    assert.equal((await passwd(t, ['--quiet', '-b', path, 'u', SECRET])).code, 0)
    const running = inTerminal(t, ['--verify', 'u', path])
    await answer(running, `${SECRET}\r`)
    assert.equal(await shown(running), `${ASKED}\nsha512-pbkdf2\nstatus 0\n`)
  })
  test('--import does not read passwords that the terminal would show', async (t) => {
    const text = await shown(inTerminal(t, ['--import', 'lines', fileWith(t, '')]))
    assert.match(text, /--import.*terminal.*\nstatus 1\n$/)
  })
})
