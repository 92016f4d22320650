// Types of values (1.1) and errors of the command line (1.3), row by row, with the built programs and a real mosquitto.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { type Args, QUIET, temporaryFolder } from '../support/run.js'
import { at, brokerRows } from './real.js'
import { cli, converse, misuse, PROGRAMS, type Program, rows, WORK } from './support.js'

interface ValueRow {
  type: string
  program: Program
  args: Args
  says?: RegExp
  out?: string
}

brokerRows<ValueRow>(
  '1.1: values that are accepted',
  [
    {
      type: 'int: a blank and a sign in front',
      program: 'mqtt-pub',
      args: ['-k', ' +7'],
      says: /keepalive=7 /,
    },
    {
      type: 'num',
      program: 'mqtt-pub',
      args: ['--repeat', 2, '--repeat-delay', '.01'],
      says: /sent DISCONNECT/,
    },
    {
      type: 'num: exponent',
      program: 'mqtt-pub',
      args: ['--repeat', 2, '--repeat-delay', '1e-2'],
      says: /sent DISCONNECT/,
    },
    { type: 'expiry: hex', program: 'mqtt-sub', args: ['-x', '0x10'], says: /sessionExpiryInterval=16 / },
    { type: 'expiry: octal', program: 'mqtt-rr', args: ['-x', '010'], says: /sessionExpiryInterval=8 / },
    {
      type: 'expiry: blank and +',
      program: 'mqtt-pub',
      args: ['-x', ' +7'],
      says: /sessionExpiryInterval=7 /,
    },
    {
      type: 'expiry: ∞',
      program: 'mqtt-pub',
      args: ['-x', '∞', '-i', 'i1'],
      says: /sessionExpiryInterval=4294967295 /,
    },
    {
      type: 'expiry: -1',
      program: 'mqtt-pub',
      args: ['-x', '-1', '-i', 'i2'],
      says: /sessionExpiryInterval=4294967295 /,
    },
    { type: 'utf8', program: 'mqtt-pub', args: ['-u', 'ä€😀'], says: /user-name=1/ },
    {
      type: 'topic: 200 slashes',
      program: 'mqtt-pub',
      args: ['-t', '/'.repeat(200)],
      says: /sent DISCONNECT/,
    },
    {
      type: 'topic: 65535 bytes',
      program: 'mqtt-pub',
      args: ['-t', 'x'.repeat(65_535)],
      says: /sent DISCONNECT/,
    },
    {
      type: 'filter: + and # as whole levels',
      program: 'mqtt-sub',
      args: ['-t', '+/a/#'],
      says: /filter="\+\/a\/#"/,
    },
    { type: 'filter: 200 slashes', program: 'mqtt-sub', args: ['-t', '/'.repeat(200)], says: /codes=0,0 / },
    { type: 'filter: shared', program: 'mqtt-sub', args: ['-V', 5, '-t', '$share/g/a'], says: /codes=0,0 / },
    {
      type: 'raw: bytes as they are',
      program: 'mqtt-rr',
      args: ['-F', '\x01 ~ %p \x7f'],
      out: '\x01 ~ x \x7f\n',
    },
  ],
  ({ type, program }) => `1.1 ${type} (${program})`,
  async (t, { program, args, says, out }, broker) => {
    // The request of mqtt-rr is its own response.
    const work = program === 'mqtt-rr' ? ['-t', 'r', '-e', 'r', '-m', 'x'] : WORK[program]
    const told = await cli(t, program, [...at(broker), '-d', ...work, ...args])
    assert.equal(told.code, 0, told.err)
    if (says !== undefined) assert.match(told.err, says)
    if (out !== undefined) assert.equal(told.out, out)
  },
)

rows<{ type: string; program: Program; args: readonly string[]; names: readonly string[] }>(
  '1.1: values that are not accepted, naming option and value',
  [
    { type: 'int (Q2)', program: 'mqtt-pub', args: ['-k', '12x'], names: ['-k', "'12x'"] },
    { type: 'int: a fraction (Q2)', program: 'mqtt-sub', args: ['-C', '1.9'], names: ['-C', "'1.9'"] },
    { type: 'int: empty (Q2)', program: 'mqtt-rr', args: ['-q', ''], names: ['-q', "''"] },
    {
      type: 'num (Q2)',
      program: 'mqtt-pub',
      args: ['--repeat-delay', '1s'],
      names: ['--repeat-delay', "'1s'"],
    },
    {
      type: 'num: empty (Q2)',
      program: 'mqtt-sub',
      args: ['--random-filter', ''],
      names: ['--random-filter', "''"],
    },
    { type: 'expiry: all of it', program: 'mqtt-rr', args: ['-x', '12x'], names: ['-x', "'12x'"] },
    { type: 'expiry: range', program: 'mqtt-pub', args: ['-x', '4294967296'], names: ['-x', "'4294967296'"] },
    { type: 'expiry: range', program: 'mqtt-sub', args: ['-x', '-2'], names: ['-x', "'-2'"] },
    ...['\u0001', '\u001f', '\u007f', '\u009f', '\ufdd0', '\ufdef', '\ufffe', '\u{1ffff}', '\u{10fffe}'].map(
      (text, at) => ({
        type: `utf8: U+${text.codePointAt(0)?.toString(16).padStart(4, '0')}`,
        program: PROGRAMS[at % 3] as Program,
        args: ['-i', `a${text}`],
        names: ['-i (--id)'],
      }),
    ),
    { type: 'topic: empty', program: 'mqtt-rr', args: ['-e', ''], names: ['-e'] },
    {
      type: 'topic: 65536 bytes',
      program: 'mqtt-pub',
      args: ['-t', 'é'.repeat(32_768)],
      names: ['-t', '65535'],
    },
    { type: 'topic: + and #', program: 'mqtt-pub', args: ['-t', 'a/+'], names: ['-t', "'a/+'"] },
    { type: 'topic: 201 slashes', program: 'mqtt-pub', args: ['-t', '/'.repeat(201)], names: ['-t', '200'] },
    { type: 'filter: + in a level', program: 'mqtt-sub', args: ['-t', 'a+'], names: ['-t', "'a+'"] },
    {
      type: 'filter: # before the end',
      program: 'mqtt-sub',
      args: ['-T', 'a/#/b'],
      names: ['-T', "'a/#/b'"],
    },
    { type: 'filter: 201 slashes', program: 'mqtt-sub', args: ['-U', '/'.repeat(201)], names: ['-U', '200'] },
  ],
  ({ type, program }) => `1.1 ${type} (${program})`,
  (t, { program, args, names }) => misuse(t, program, [...WORK[program], ...args], names),
)

test('1.1 path: opened as given, relative to the working directory, ~ is nothing special', async (t) => {
  const HOME = temporaryFolder(t)
  writeFileSync(join(HOME, 'payload'), 'content')
  const script = '< CONNECT\n> 20 02 00 00\n< PUBLISH payload=content\n< DISCONNECT'
  const path = relative(process.cwd(), join(HOME, 'payload'))
  assert.deepEqual(await converse(t, script, 'mqtt-pub', ['-t', 'a', '-f', path]), QUIET)
  const told = await cli(t, 'mqtt-pub', ['-t', 'a', '-f', '~/payload'], { env: { HOME } })
  assert.equal(told.code, 1)
  assert.match(told.err, /-f '~\/payload': no such file/)
})

rows<{ row: string; args: readonly string[]; names: readonly string[]; on?: readonly Program[] }>(
  '1.3: errors at parse time: exit 1 on standard error, --quiet or not',
  [
    { row: 'unknown word', args: ['stray'], names: ["'stray'"] },
    {
      row: 'option not accepted by this program',
      args: ['--latency'],
      names: ["'--latency'"],
      on: ['mqtt-pub', 'mqtt-sub'],
    },
    { row: 'option as the last word', args: ['-p'], names: ['-p', 'PORT'] },
    { row: 'value out of range', args: ['-q', '3'], names: ['-q', "'3'"] },
    { row: 'value not in the list', args: ['-V', '4'], names: ['-V', "'4'"] },
    { row: 'topic or filter breaks the wildcard rule', args: ['-t', 'a/#/b'], names: ['-t', "'a/#/b'"] },
    {
      row: 'topic or filter breaks the length rule',
      args: ['--will-topic', 'x'.repeat(65_536)],
      names: ['--will-topic'],
    },
    { row: 'topic or filter breaks the depth rule', args: ['-t', '/'.repeat(201)], names: ['-t', '////'] },
    { row: 'topic or filter not utf8', args: ['--will-topic', 'a\u0001'], names: ['--will-topic'] },
    { row: 'second message source', args: ['-n'], names: ['-n', 'only one'], on: ['mqtt-pub', 'mqtt-rr'] },
    {
      row: 'the same message source again',
      args: ['-m', 'y'],
      names: ['-m', 'only one'],
      on: ['mqtt-pub', 'mqtt-rr'],
    },
    { row: '-i together with -I', args: ['-i', 'a', '-I', 'b'], names: ['-i', '-I'] },
    { row: '-I together with -i', args: ['-I', 'b', '-i', 'a'], names: ['-i', '-I'] },
    {
      row: 'bad format: conversion',
      args: ['-F', 'a%zb'],
      names: ['-F', "'%z'"],
      on: ['mqtt-sub', 'mqtt-rr'],
    },
    { row: 'bad format: escape', args: ['-F', 'a\\q'], names: ['-F', "'\\q'"], on: ['mqtt-sub', 'mqtt-rr'] },
    {
      row: 'bad format: unfinished',
      args: ['-F', 'a%'],
      names: ['-F', 'unfinished'],
      on: ['mqtt-sub', 'mqtt-rr'],
    },
    { row: 'unsupported URL scheme', args: ['-L', 'http://h/t'], names: ['-L', "'http'"] },
    { row: 'unsupported proxy scheme', args: ['--proxy', 'socks4://h'], names: ['--proxy', 'socks5h://'] },
    { row: 'bad proxy port', args: ['--proxy', 'socks5h://h:0'], names: ['--proxy', 'port 0'] },
    { row: 'no proxy host', args: ['--proxy', 'socks5h://'], names: ['--proxy', 'host'] },
    {
      row: ': twice in the proxy credentials',
      args: ['--proxy', 'socks5h://a:b:c@h'],
      names: ['--proxy', '%3A'],
    },
    {
      row: '-D: value',
      args: ['-D', 'connect', 'receive-maximum', '0'],
      names: ['-D', 'connect', 'receive-maximum', "'0'"],
    },
    {
      row: '-D: property',
      args: ['-D', 'connect', 'topic-alias', '1'],
      names: ['-D', 'connect', "'topic-alias'"],
    },
    { row: '-D: command', args: ['-D', 'suback', 'user-property', 'a', 'b'], names: ['-D', "'suback'"] },
    { row: 'second -o', args: ['-o', '/dev/null', '-o', '/dev/null'], names: ['-o'] },
    { row: '-o as the last word', args: ['-o'], names: ['-o'] },
  ],
  ({ row }) => `1.3 ${row}`,
  async (t, { args, names, on = PROGRAMS }) => {
    for (const program of on) await misuse(t, program, ['--quiet', ...WORK[program], ...args], names)
  },
)

test('1.3: URL without topic, and no -t', async (t) => {
  await misuse(t, 'mqtt-pub', ['-L', 'mqtt://h/', '-m', 'x'], ['-t'])
  await misuse(t, 'mqtt-sub', ['-L', 'mqtt://h'], ['-t'])
})
