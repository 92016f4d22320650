// The session and QoS scenarios of MQTT (S01, S02, ...) against the built programs, as far as a program can be brought
// into them. The rest stands where its subject does: refusals and time limits in connect.test.ts, what a broker allows
// in pub-control.test.ts, slow output in sub-pressure.test.ts, illegal packets in conversations-malformed.test.ts.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { broker } from '../broker/broker.js'
import { packet, publish, u16 } from '../broker/wire.js'
import { LEVELS, type Level, play } from './conversation.js'
import { cli, type Program, rows, start } from './support.js'

interface Row {
  name: string
  program?: Program
  levels?: readonly Level[]
  args: string
  input?: string
  text: string
  code?: number
  out?: string
  /** All of stderr; without it the notes of lost and recovered connections may be there. */
  err?: RegExp
}

const PUB = '-t a -l -c -i me'
const SUB = '-t a -q 2 -c -i me'
const OPEN = '< CONNECT clean=0\n> CONNACK'
const SUBSCRIBED = `${OPEN}\n< SUBSCRIBE id=1\n> SUBACK 1 2`
/** Resumed; in 3.1, which cannot know, subscribed again. */
const AGAIN = 'reconnect\n3: < SUBSCRIBE id=2\n3: > SUBACK 2 2'
const STOP = 'do stop\n< DISCONNECT'
const NOTES = /^(mqtt-\w+: (.*; connecting again in [\d.]+ s|connected again.*)\n)*$/

const SENDING: readonly Row[] = [
  {
    name: 'S01 QoS 1 cut before PUBACK',
    args: `${PUB} -q 1`,
    input: 'x\n',
    text: `${OPEN}\n< PUBLISH qos=1 id=1 dup=0 payload=x\nreconnect\n< PUBLISH qos=1 id=1 dup=1 payload=x\n> PUBACK 1\n< DISCONNECT`,
  },
  {
    name: 'S02 QoS 2 cut before PUBREC',
    args: `${PUB} -q 2`,
    input: 'x\n',
    text: `${OPEN}\n< PUBLISH qos=2 id=1 dup=0\nreconnect\n< PUBLISH qos=2 id=1 dup=1 payload=x
      > PUBREC 1\n< PUBREL id=1 flags=2\n> PUBCOMP 1\n< DISCONNECT`,
  },
  {
    name: 'S03 QoS 2 cut after PUBREL',
    args: `${PUB} -q 2`,
    input: 'x\n',
    text: `${OPEN}\n< PUBLISH qos=2 id=1\n> PUBREC 1\n< PUBREL id=1 flags=2\nreconnect
      3: < PUBREL id=1 flags=a\n45: < PUBREL id=1 flags=2\n> PUBCOMP 1\n< DISCONNECT`,
  },
  {
    name: 'S05 three cuts in one QoS 2 exchange',
    args: `${PUB} -q 2`,
    input: 'x\n',
    text: `${OPEN}\n< PUBLISH id=1 dup=0\nreconnect\n< PUBLISH id=1 dup=1\n> PUBREC 1\n< PUBREL id=1
      reconnect\n< PUBREL id=1\nreconnect\n< PUBREL id=1\n> PUBCOMP 1\n< DISCONNECT`,
  },
  {
    name: 'S06 a window in different stages keeps its order',
    args: `${PUB} -q 2`,
    input: 'a\nb\nc\nd\n',
    text: `${OPEN}\n< PUBLISH id=1\n< PUBLISH id=2\n< PUBLISH id=3\n< PUBLISH id=4\n> PUBREC 2\n< PUBREL id=2\nreconnect
      < PUBLISH id=1 dup=1 payload=a\n< PUBREL id=2\n< PUBLISH id=3 dup=1 payload=c\n< PUBLISH id=4 dup=1 payload=d
      > PUBREC 4\n< PUBREL id=4\n> PUBREC 3\n< PUBREL id=3\n> PUBREC 1\n< PUBREL id=1
      > PUBCOMP 4 + PUBCOMP 3 + PUBCOMP 2 + PUBCOMP 1\n< DISCONNECT`,
  },
  {
    name: 'S07 old before new',
    args: `${PUB} -q 1 -M 1`,
    input: 'a\nb\nc\n',
    text: `${OPEN}\n< PUBLISH id=1 dup=0 payload=a\nreconnect\n< PUBLISH id=1 dup=1 payload=a\n> PUBACK 1
      < PUBLISH id=2 dup=0 payload=b\n> PUBACK 2\n< PUBLISH id=3 dup=0 payload=c\n> PUBACK 3\n< DISCONNECT`,
  },
  {
    name: 'S08 a clean session starts over',
    levels: [3, 4],
    args: '-t a -l -i me -q 1',
    input: 'x\n',
    text: `< CONNECT clean=1\n> CONNACK\n< PUBLISH id=1 dup=0\ncut\naccept\n< CONNECT clean=1\n> CONNACK
      < PUBLISH id=2 dup=0 payload=x\n> PUBACK 2\n< DISCONNECT`,
    err: /the broker lost the session: 1 unconfirmed message\(s\) sent anew, 0 of unknown fate/,
  },
  {
    name: 'S09 the broker lost the session: QoS 1 goes out anew',
    levels: [5],
    args: `${PUB} -q 1`,
    input: 'x\n',
    text: `${OPEN}\n< PUBLISH id=1\ncut\naccept\n< CONNECT clean=0\n> CONNACK\n< PUBLISH id=2 dup=0 payload=x\n> PUBACK 2\n< DISCONNECT`,
    err: /the broker lost the session: 1 unconfirmed message\(s\) sent anew, 0 of unknown fate/,
  },
  {
    name: 'S09 the broker lost the session: QoS 2 is reported, and what had its PUBREC is done',
    levels: [5],
    args: `${PUB} -q 2`,
    input: 'x\ny\n',
    text: `${OPEN}\n< PUBLISH id=1\n< PUBLISH id=2\n> PUBREC 2\n< PUBREL id=2\ncut\naccept\n< CONNECT clean=0\n> CONNACK\n< DISCONNECT`,
    code: 7,
    err: /1 of unknown fate[\s\S]*1 of 2 message\(s\) not confirmed/,
  },
  {
    name: 'S11 3.1.1 sends again whatever the broker says of the session',
    levels: [4],
    args: `${PUB} -q 2`,
    input: 'x\ny\n',
    text: `${OPEN}\n< PUBLISH id=1\n< PUBLISH id=2\n> PUBREC 2\n< PUBREL id=2\ncut\naccept\n< CONNECT clean=0\n> CONNACK
      < PUBLISH id=1 dup=1\n< PUBREL id=2\n> PUBREC 1\n< PUBREL id=1\n> PUBCOMP 1 + PUBCOMP 2\n< DISCONNECT`,
    err: /the broker lost the session/,
  },
  {
    name: 'S12 MQTT 5 never repeats on a live connection',
    levels: [5],
    args: `${PUB} -q 1 --ack-timeout 3`,
    input: 'x\n',
    text: `${OPEN}\n< PUBLISH id=1 dup=0\nwait-eof`,
    code: 19,
    err: /acknowledged none of 1 message\(s\) for 3 s\n.*1 of 1 message\(s\) not confirmed/,
  },
  {
    name: 'S13 timed retry, in order, and surplus acknowledgements',
    levels: [3, 4],
    args: `${PUB} -q 1 --retry-interval 1`,
    input: 'x\ny\n',
    text: `${OPEN}\n< PUBLISH id=1 dup=0\n< PUBLISH id=2 dup=0\n< PUBLISH id=1 dup=1\n< PUBLISH id=2 dup=1
      > PUBACK 1 + PUBACK 1 + PUBACK 2 + PUBACK 2\n< DISCONNECT`,
    err: /^$/,
  },
  {
    name: 'S15 timed retry switched off: nothing but pings',
    levels: [3, 4],
    args: `${PUB} -q 1 -k 5 --retry-interval 0`,
    input: 'x\n',
    text: `${OPEN}\n< PUBLISH id=1 dup=0\n< PINGREQ\n> PINGRESP\n< PINGREQ\n> PINGRESP + PUBACK 1\n< DISCONNECT`,
    err: /^$/,
  },
  {
    name: 'S23 PUBREL in the order of PUBREC',
    args: `${PUB} -q 2`,
    input: 'a\nb\nc\n',
    text: `${OPEN}\n< PUBLISH id=1\n< PUBLISH id=2\n< PUBLISH id=3\n> PUBREC 2 + PUBREC 3 + PUBREC 1
      < PUBREL id=2\n< PUBREL id=3\n< PUBREL id=1\n> PUBCOMP 1 + PUBCOMP 2 + PUBCOMP 3\n< DISCONNECT`,
    err: /^$/,
  },
  {
    name: 'S24 Receive Maximum 2 at QoS 2: PUBCOMP frees the place, or a PUBREC that refuses',
    levels: [5],
    args: `${PUB} -q 2`,
    input: 'a\nb\nc\nd\n',
    text: `< CONNECT\n> 20 06 00 00 03 21 00 02\n< PUBLISH id=1\n< PUBLISH id=2\n> PUBREC 1\n< PUBREL id=1\n> PUBCOMP 1
      < PUBLISH id=3\n> PUBREC 2 97\n< PUBLISH id=4\n> PUBREC 3 + PUBREC 4\n< PUBREL id=3\n< PUBREL id=4
      > PUBCOMP 3 + PUBCOMP 4\n< DISCONNECT`,
    code: 0x97,
    err: /broker refused message 2 to 'a': .*\n.*1 of 4 message\(s\) not confirmed/,
  },
  {
    name: 'S25 quota used up: PINGREQ still goes out, the next message does not',
    levels: [5],
    args: `${PUB} -q 1 -k 5`,
    input: 'a\nb\n',
    text: `< CONNECT\n> 20 06 00 00 03 21 00 01\n< PUBLISH id=1\n< PINGREQ\n> PINGRESP + PUBACK 1\n< PUBLISH id=2\n> PUBACK 2\n< DISCONNECT`,
    err: /^$/,
  },
  {
    name: 'S26 a smaller quota after the reconnect',
    levels: [5],
    args: `${PUB} -q 1`,
    input: 'a\nb\nc\n',
    text: `< CONNECT\n> 20 06 00 00 03 21 00 0a\n< PUBLISH id=1\n< PUBLISH id=2\n< PUBLISH id=3\ncut\naccept\n< CONNECT
      > 20 06 01 00 03 21 00 01\n< PUBLISH id=1 dup=1\n> PUBACK 1\n< PUBLISH id=2 dup=1\n> PUBACK 2\n< PUBLISH id=3 dup=1\n> PUBACK 3\n< DISCONNECT`,
  },
  {
    name: 'S29 refused messages are not sent again',
    levels: [5],
    args: `${PUB} -q 2`,
    input: 'a\nb\n',
    text: `${OPEN}\n< PUBLISH id=1\n< PUBLISH id=2\n> PUBREC 1 97 + PUBREC 2\n< PUBREL id=2\nreconnect\n< PUBREL id=2\n> PUBCOMP 2\n< DISCONNECT`,
    code: 0x97,
    err: /broker refused message 1 to 'a'/,
  },
  {
    name: 'S30 a QoS above Maximum QoS is not sent',
    levels: [5],
    args: '-t a -l -i me -q 1',
    input: 'x\n',
    text: '< CONNECT\n> 20 05 00 00 02 24 00\n< DISCONNECT reason=0',
    code: 24,
    err: /^mqtt-pub: error: .*QoS.*\n.*1 of 1 message\(s\) not confirmed\n$/,
  },
  {
    name: 'S30 Maximum Packet Size 30: 30 bytes are sent, 31 are not, and the connection stays',
    levels: [5],
    args: '-t a -l -i me -q 1',
    input: `${'x'.repeat(22)}\n${'y'.repeat(23)}\nz\n`,
    text: `< CONNECT\n> 20 08 00 00 05 27 00 00 00 1e\n< PUBLISH id=1 payload=${'x'.repeat(22)}\n> PUBACK 1\n< PUBLISH id=2 payload=z\n> PUBACK 2
      < DISCONNECT reason=0`,
    code: 25,
    err: /takes at most 30[\s\S]*1 of 3 message\(s\) not confirmed\n$/,
  },
  {
    name: 'S30 Retain Available 0: sent without the flag, with a warning',
    levels: [5],
    args: '-t a -l -i me -q 1 -r',
    input: 'x\n',
    text: '< CONNECT\n> 20 05 00 00 02 25 00\n< PUBLISH id=1 retain=0\n> PUBACK 1\n< DISCONNECT reason=0',
    err: /^mqtt-pub: warning: the broker does not keep retained messages: published without -r\n$/,
  },
  {
    name: 'S38 DISCONNECT is last: it waits for what is open and what is queued',
    args: `${PUB} -q 1 -M 2`,
    input: 'a\nb\nc\n',
    text: `${OPEN}\n< PUBLISH id=1\n< PUBLISH id=2\n> PUBACK 2\n< PUBLISH id=3 payload=c\n> PUBACK 1 + PUBACK 3\n< DISCONNECT\nwait-eof`,
    err: /^$/,
  },
  {
    name: 'S38 DISCONNECT is last: when the time is over, the status tells',
    args: `${PUB} -q 1 -M 2 -W 3`,
    input: 'a\nb\nc\n',
    text: `${OPEN}\n< PUBLISH id=1\n< PUBLISH id=2\n< DISCONNECT\nwait-eof`,
    code: 27,
    err: /timed out after 3 s \(-W\)\n.*3 of 3 message\(s\) not confirmed\n$/,
  },
  {
    name: 'S40 enhanced authentication without a challenge',
    levels: [5],
    args: '-t a -l -i me -q 1 -D connect authentication-method M -D connect authentication-data d',
    input: 'x\n',
    text: '< CONNECT\n> 20 07 00 00 04 15 00 01 4d\n< PUBLISH id=1\n> PUBACK 1\n< DISCONNECT reason=0',
    err: /^$/,
  },
  {
    name: 'S40 a challenge, which only the library can answer: a warning, and the limit of connecting',
    levels: [5],
    args: '-t a -l -i me -q 1 --connect-timeout 1 -D connect authentication-method M -D connect authentication-data d',
    input: 'x\n',
    text: '< CONNECT\n> f0 06 18 04 15 00 01 4d\nwait-eof',
    code: 19,
    err: /^mqtt-pub: warning: .*authentication \(AUTH\).*\nmqtt-pub: error: .*sent no CONNACK: no answer within 1 s.*\n$/,
  },
  {
    name: 'S37 a CONNACK in single bytes',
    args: `${PUB} -q 1`,
    input: 'x\n',
    text: '< CONNECT\n> singly CONNACK\n< PUBLISH id=1\n> singly PUBACK 1\n< DISCONNECT',
    err: /^$/,
  },
]

const RECEIVING: readonly Row[] = [
  {
    name: 'S14 an unanswered SUBSCRIBE is repeated, with DUP and its identifier',
    levels: [3],
    args: `${SUB} --retry-interval 1`,
    text: `${OPEN}\n< SUBSCRIBE id=1 flags=2\n< SUBSCRIBE id=1 flags=a\n> SUBACK 1 2 + SUBACK 1 2 + q0 0 x\ndo stop\n< DISCONNECT`,
    out: 'x\n',
  },
  {
    name: 'S16 a repeated QoS 2 PUBLISH is printed once',
    args: SUB,
    text: `${SUBSCRIBED}\n> q2 5 x\n< PUBREC id=5\n> q2 5 x dup\n< PUBREC id=5\n> q2 5 x\n< PUBREC id=5\n> PUBREL 5\n< PUBCOMP id=5\n${STOP}`,
    out: 'x\n',
  },
  {
    name: 'S17 cut after PUBREC, PUBLISH comes again',
    args: SUB,
    text: `${SUBSCRIBED}\n> q2 5 x\n< PUBREC id=5\n${AGAIN}\n> q2 5 x dup\n< PUBREC id=5\n> PUBREL 5\n< PUBCOMP id=5\n${STOP}`,
    out: 'x\n',
  },
  {
    name: 'S18 cut after PUBREC, PUBREL comes, twice',
    args: SUB,
    text: `${SUBSCRIBED}\n> q2 5 x\n< PUBREC id=5\n${AGAIN}\n> PUBREL 5\n< PUBCOMP id=5
      ${AGAIN.replaceAll('=2', '=3').replace('SUBACK 2', 'SUBACK 3')}\n> PUBREL 5\n< PUBCOMP id=5\n${STOP}`,
    out: 'x\n',
  },
  {
    name: 'S19 an identifier used again is a new message, whatever DUP says',
    args: SUB,
    text: `${SUBSCRIBED}\n> q2 5 x\n< PUBREC id=5\n> PUBREL 5\n< PUBCOMP id=5\n> q2 5 y dup\n< PUBREC id=5\n> PUBREL 5\n< PUBCOMP id=5\n${STOP}`,
    out: 'x\ny\n',
  },
  {
    name: 'S19, S43 the broker lost the session: subscribed again, and every identifier is new',
    levels: [4, 5],
    args: `${SUB} -t b`,
    text: `${OPEN}\n< SUBSCRIBE id=1\n> SUBACK 1 2 2\n> q2 5 x\n< PUBREC id=5\ncut\naccept\n< CONNECT clean=0\n> CONNACK
      < SUBSCRIBE id=2 flags=2 filters=a:02,b:02\n> SUBACK 2 2 2\n> q2 5 x dup\n< PUBREC id=5\n> PUBREL 5\n< PUBCOMP id=5\n${STOP}`,
    out: 'x\nx\n',
    err: /the broker lost the session/,
  },
  {
    name: 'S20 QoS 1 is not deduplicated',
    args: SUB,
    text: `${SUBSCRIBED}\n> q1 5 x\n< PUBACK id=5\n> q1 5 x dup\n< PUBACK id=5\n${STOP}`,
    out: 'x\nx\n',
  },
  {
    name: 'S22 acknowledgements in the order of the messages',
    args: SUB,
    text: `${SUBSCRIBED}\n> q1 1 a + q2 2 b + q1 3 c + q2 4 d + q1 5 e
      < PUBACK id=1\n< PUBREC id=2\n< PUBACK id=3\n< PUBREC id=4\n< PUBACK id=5\n${STOP}`,
    out: 'a\nb\nc\nd\ne\n',
  },
  {
    name: 'S27 topic aliases of the broker',
    levels: [5],
    args: '-t # -v -i me -D connect topic-alias-maximum 2',
    text: `< CONNECT\n> CONNACK\n< SUBSCRIBE id=1\n> SUBACK 1 0
      > 30 08 00 01 61 03 23 00 01 31\n> 30 07 00 00 03 23 00 01 32\n> 30 08 00 01 62 03 23 00 01 33\n> 30 07 00 00 03 23 00 01 34\n${STOP}`,
    out: 'a 1\na 2\nb 3\nb 4\n',
  },
  {
    name: 'S28 SUBSCRIBE open when the connection is cut',
    args: SUB,
    text: `${OPEN}\n< SUBSCRIBE id=1\nreconnect\n< SUBSCRIBE id=2 flags=2\n> SUBACK 2 2 + q1 7 x\n< PUBACK id=7\n${STOP}`,
    out: 'x\n',
  },
  {
    name: 'S31 a dead broker: PINGREQ, the end, and a new connection',
    args: `${SUB} -k 5`,
    text: `${SUBSCRIBED}\n< PINGREQ\nsilence\naccept\n< CONNECT clean=0\n> CONNACK SP\n3: < SUBSCRIBE id=2\n3: > SUBACK 2 2\n${STOP}`,
    err: /no PINGRESP within 5 s/,
  },
  {
    name: 'S33 Server Keep Alive takes the place of ours',
    levels: [5],
    args: `${SUB} -k 60`,
    text: `< CONNECT keepalive=60\n> 20 06 00 00 03 13 00 01\n< SUBSCRIBE id=1\n> SUBACK 1 2\n< PINGREQ\n> PINGRESP\n< PINGREQ\n> PINGRESP\n${STOP}`,
  },
  {
    name: 'S35 messages at odd times',
    args: SUB,
    text: `${OPEN}\n< SUBSCRIBE id=1\n> q1 7 x\n> SUBACK 1 2\n< PUBACK id=7\n> q1 8 y @other\n< PUBACK id=8\n${STOP}`,
    out: 'x\ny\n',
  },
  {
    name: 'S39 another client took over: no reply, no second connection',
    levels: [5],
    args: SUB,
    text: `${SUBSCRIBED}\n> DISCONNECT 8e\nwait-eof`,
    code: 0x8e,
    err: /^mqtt-sub: error: broker sent DISCONNECT: .*0x8e.*\n$/,
  },
  {
    name: 'S42 S16 in single bytes',
    args: SUB,
    text: `< CONNECT\n> singly CONNACK\n< SUBSCRIBE id=1\n> singly SUBACK 1 2 + q2 5 x + q2 5 x dup + PUBREL 5
      < PUBREC id=5\n< PUBREC id=5\n< PUBCOMP id=5\n${STOP}`,
    out: 'x\n',
  },
  {
    name: 'S42 S16 in one segment',
    args: SUB,
    text: `${OPEN}\n< SUBSCRIBE id=1\n> SUBACK 1 2 + q2 5 x + q2 5 x dup + PUBREL 5\n< PUBREC id=5\n< PUBREC id=5\n< PUBCOMP id=5\n${STOP}`,
    out: 'x\n',
  },
  {
    name: 'S45 a signal has an MQTT 5 broker send the will',
    levels: [5],
    args: `${SUB} --will-topic w`,
    text: `${SUBSCRIBED}\ndo stop\n< DISCONNECT reason=4`,
  },
]

/** How a broker of this level says that it refuses CONNECT, with the exit status that follows. */
const REFUSALS: readonly { level: Level; connack: string; code: number; says?: RegExp }[] = [
  ...[3, 4].flatMap((level) =>
    [1, 2, 3, 4, 5].map((code) => ({ level: level as Level, connack: `20 02 00 0${code}`, code })),
  ),
  ...[
    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a,
    0x9b, 0x9c, 0x9d, 0x9f,
  ].map((code) => ({ level: 5 as const, connack: `20 03 00 ${code.toString(16)} 00`, code })),
  ...[0x9c, 0x9d].map((code) => ({
    level: 5 as const,
    connack: `20 0b 00 ${code.toString(16)} 08 1c 00 05 6f 74 68 65 72`,
    code,
    says: /other/,
  })),
]

rows(
  'S36 a refusal: its status, one line, no DISCONNECT and no second try',
  REFUSALS,
  ({ level, connack }) => `CONNACK ${connack}, level ${level}`,
  async (t, { level, connack, code, says = /./ }) => {
    const text = `< CONNECT\n> ${connack}\nwait-eof`
    const told = await play(t, { program: 'mqtt-pub', args: ['-t', 'a', '-m', 'x', '-q', 1], level, text })
    assert.deepEqual({ code: told.code, out: told.out }, { code, out: '' }, told.err)
    assert.match(told.err, /^mqtt-pub: error: [^\n]+\n$/)
    assert.match(told.err, says)
  },
)

/** What may pass: server unavailable, server busy, quota exceeded and connection rate exceeded. */
const PASSING = [
  { level: 3, connack: '20 02 00 03', passes: true },
  { level: 4, connack: '20 02 00 03', passes: true },
  { level: 4, connack: '20 02 00 05', passes: false, code: 5 },
  ...[0x88, 0x89, 0x97, 0x9f].map((code) => {
    return { level: 5, connack: `20 03 00 ${code.toString(16)} 00`, passes: true } as const
  }),
  { level: 5, connack: '20 03 00 87 00', passes: false, code: 0x87 },
] as const

rows(
  'S36 --retry-connect tries again where the refusal may pass',
  PASSING,
  ({ level, connack }) => `CONNACK ${connack}, level ${level}`,
  async (t, { level, connack, passes, ...row }) => {
    const again = 'accept\n< CONNECT\n> CONNACK\n< PUBLISH id=1 dup=0\n> PUBACK 1\n< DISCONNECT'
    const text = `< CONNECT\n> ${connack}\nwait-eof${passes ? `\n${again}` : ''}`
    const args = [
      '-t',
      'a',
      '-m',
      'x',
      '-q',
      1,
      '-i',
      'me',
      '--retry-connect=30',
      '--reconnect-delay',
      '0.05,0.1',
    ]
    const told = await play(t, { program: 'mqtt-pub', args, level, text })
    assert.equal(told.code, 'code' in row ? row.code : 0, told.err)
  },
)

const ALL = [
  ...SENDING.map((row) => ({ program: 'mqtt-pub', ...row }) as const),
  ...RECEIVING.map((row) => ({ program: 'mqtt-sub', ...row }) as const),
].flatMap((row) => (row.levels ?? LEVELS).map((level) => ({ ...row, level })))

rows(
  'conversations',
  ALL,
  ({ name, level }) => `${name}, level ${level}`,
  async (t, { program, args, level, text, input = '', code = 0, out = '', err = NOTES }) => {
    const told = await play(t, { program, args: args.split(' '), level, text, input })
    assert.deepEqual({ code: told.code, out: told.out }, { code, out }, told.err)
    assert.match(told.err, err)
  },
)

describe('conversations with a choice or a crowd', { concurrency: 4 }, () => {
  for (const [version, level] of [
    ['mqttv31', 3],
    ['mqttv311', 4],
    ['mqttv5', 5],
  ] as const) {
    test(`S04 PUBREC and cut at the same moment: PUBREL or PUBLISH, never both, ${version}`, async (t) => {
      const server = await broker(t, {
        connack: (nth) => packet(0x20, [nth > 1 && level !== 3 ? 1 : 0, 0], level === 5 ? [0] : []),
        on: ({ name, facts }, link) => {
          if (name !== 'PUBLISH' || link.nth > 1) return false
          link.send(packet(0x50, u16(Number(facts.id))))
          link.socket.end()
          return true
        },
      })
      const args = [
        '-h',
        '127.0.0.1',
        '-p',
        server.port,
        '-V',
        version,
        '-t',
        'a',
        '-l',
        '-q',
        2,
        '-c',
        '-i',
        'me',
      ]
      const told = await cli(t, 'mqtt-pub', args, { input: 'x\n' })
      assert.equal(told.code, 0, told.err)
      const second =
        server.links[1]?.seen.map(({ name, facts }) => (facts.dup === '1' ? `${name} dup` : name)) ?? []
      const allowed = [
        ['CONNECT', 'PUBREL', 'DISCONNECT'],
        ['CONNECT', 'PUBLISH dup', 'PUBREL', 'DISCONNECT'],
      ]
      assert.ok(
        allowed.some((each) => each.join() === second.join()),
        second.join(),
      )
    })

    test(`S32 messages that come in are no reason not to ping, ${version}`, async (t) => {
      const server = await broker(t, {
        on: ({ name }, link) => {
          if (name !== 'SUBSCRIBE') return false
          const often = setInterval(() => link.send(publish(level, 'a', 'x')), 200)
          link.socket.on('close', () => clearInterval(often))
          return false
        },
      })
      const run = start(t, 'mqtt-sub', [
        '-h',
        '127.0.0.1',
        '-p',
        server.port,
        '-V',
        version,
        '-t',
        'a',
        '-k',
        5,
      ])
      await server.until(() => server.seen.filter(({ name }) => name === 'PINGREQ').length === 2)
      run.kill('SIGTERM')
      assert.equal((await run.done).code, 0)
    })

    test(`S34 the same identifier both ways, ${version}`, async (t) => {
      const server = await broker(t, {
        connack: () => packet(0x20, [0, 0], level === 5 ? [0] : []),
        on: ({ name, facts }, link) => {
          if (name === 'SUBSCRIBE') {
            link.send(packet(0x90, u16(1), level === 5 ? [0] : [], [2]))
            link.send(publish(level, 'a', 'x', { qos: 2, id: 2, retain: true }))
          }
          if (name === 'PUBREC') link.send(packet(0x62, u16(2)), packet(0x40, u16(2)))
          return name === 'SUBSCRIBE' || name === 'PUBREC' || (name === 'PUBLISH' && facts.id === '2')
        },
      })
      const where = ['-h', '127.0.0.1', '-p', server.port, '-V', version, '-i', 'me']
      const told = await cli(t, 'mqtt-sub', [...where, '-t', 'a', '-q', 2, '--remove-retained'])
      assert.deepEqual(told, { code: 0, out: 'x\n', err: '' })
      const exchange = server.seen
        .filter(({ name }) => /^PUB/.test(name))
        .map(({ name, facts }) => `${name} ${facts.id}`)
      assert.deepEqual(exchange.toSorted(), ['PUBCOMP 2', 'PUBLISH 2', 'PUBREC 2'])
    })

    test(`S41 identifiers wrap around and skip one that stays open, ${version}`, async (t) => {
      const count = 65_600
      const server = await broker(t, {
        connack: () => packet(0x20, [0, 0], level === 5 ? [0] : []),
        on: ({ name, facts }, link) => {
          if (name !== 'PUBLISH') return false
          if (facts.id === '2') return true
          if (facts.payload === String(count)) link.send(packet(0x40, u16(2)))
          return false
        },
      })
      const args = ['-h', '127.0.0.1', '-p', server.port, '-V', version, '-t', 'a', '-l', '-q', 1, '-i', 'me']
      const input = Array.from({ length: count }, (_, at) => `${at + 1}\n`).join('')
      assert.deepEqual(await cli(t, 'mqtt-pub', args, { input }), { code: 0, out: '', err: '' })
      const ids = server.messages.map(({ facts }) => Number(facts.id))
      const expected = Array.from({ length: count }, (_, at) => (at < 65_535 ? at + 1 : at - 65_534))
      for (let at = 65_536; at < count; at++) expected[at] = at - 65_533
      assert.deepEqual(ids, expected)
    })
  }
})
