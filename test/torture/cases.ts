// The cases of the matrix: every program, version and QoS under every fault that can befall it.

import type { Cut, Direction } from './relay.js'

export const VERSIONS = ['mqttv31', 'mqttv311', 'mqttv5'] as const
export const PROGRAMS = ['pub-l', 'pub-f', 'sub', 'rr'] as const
export type Version = (typeof VERSIONS)[number]
export type Program = (typeof PROGRAMS)[number]
export type Qos = 0 | 1 | 2

const CUTS = ['fin', 'rst', 'silence'] as const
/** Packets whose connection is cut, and the QoS at which they exist. */
const PACKETS = {
  CONNACK: [0, 1, 2],
  SUBACK: [0, 1, 2],
  PUBLISH: [0, 1, 2],
  PUBACK: [1],
  PUBREC: [2],
  PUBREL: [2],
  PUBCOMP: [2],
} as const
export type PacketName = keyof typeof PACKETS
/** Those that go the way of the message; the others answer it. */
const FORWARD = ['PUBLISH', 'PUBREL']

export type Fault =
  | { kind: 'none' | 'delay' | 'slow' | 'single-bytes' | 'cuts' }
  | { kind: 'broker-frozen' | 'broker-killed' | 'broker-restarted' }
  | { kind: 'stdin-stalls' | 'stdout-stalls' | 'stdout-closed' }
  | { kind: 'byte'; how: Cut; direction: Direction }
  | { kind: 'packet'; packet: PacketName }
  | { kind: 'signal'; signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' }

const FAULTS: readonly Fault[] = [
  ...(['none', 'delay', 'slow', 'single-bytes', 'cuts'] as const).map((kind) => ({ kind })),
  ...CUTS.flatMap((how) =>
    (['up', 'down'] as const).map((direction) => ({ kind: 'byte', how, direction }) as const),
  ),
  ...(Object.keys(PACKETS) as PacketName[]).map((packet) => ({ kind: 'packet', packet }) as const),
  ...(['broker-frozen', 'broker-killed', 'broker-restarted'] as const).map((kind) => ({ kind })),
  ...(['SIGKILL', 'SIGTERM', 'SIGINT'] as const).map((signal) => ({ kind: 'signal', signal }) as const),
  ...(['stdin-stalls', 'stdout-stalls', 'stdout-closed'] as const).map((kind) => ({ kind })),
]

export interface Case {
  /** `mqttv5 q2 pub-l fin-up`, for --only. */
  name: string
  version: Version
  qos: Qos
  program: Program
  fault: Fault
}

function faultName(fault: Fault): string {
  switch (fault.kind) {
    case 'byte':
      return `${fault.how}-${fault.direction}`
    case 'packet':
      return `cut-${fault.packet}`
    case 'signal':
      return fault.signal
    default:
      return fault.kind
  }
}

function applies(program: Program, qos: Qos, fault: Fault): boolean {
  const prints = program === 'sub' || program === 'rr'
  if (fault.kind === 'stdin-stalls') return program !== 'sub'
  if (fault.kind === 'stdout-stalls' || fault.kind === 'stdout-closed') return prints
  if (fault.kind !== 'packet') return true
  if (fault.packet === 'SUBACK' && !prints) return false
  return (PACKETS[fault.packet] as readonly number[]).includes(qos)
}

export const CASES: readonly Case[] = VERSIONS.flatMap((version) =>
  ([0, 1, 2] as const).flatMap((qos) =>
    PROGRAMS.flatMap((program) =>
      FAULTS.filter((fault) => applies(program, qos, fault)).map((fault) => {
        return { name: `${version} q${qos} ${program} ${faultName(fault)}`, version, qos, program, fault }
      }),
    ),
  ),
)

/** Which way a packet goes: mqtt-rr sends a request one way and has the response come the other. */
export function directionOf(program: Program, packet: PacketName, random: () => number): Direction {
  if (packet === 'CONNACK' || packet === 'SUBACK') return 'down'
  const outward = program === 'sub' ? false : program === 'rr' ? random() < 0.5 : true
  return outward === FORWARD.includes(packet) ? 'up' : 'down'
}
