// The summary of a matrix, as Markdown.

import type { Case } from './cases.js'
import type { Result } from './run-case.js'

const COLUMNS = [
  'runs',
  'faults met',
  'messages',
  'lost',
  'doubled',
  'false status',
  'told missing',
  'repeated',
]

function row(list: readonly Result[]): string[] {
  const sum = (of: (each: Result) => number): string =>
    list.reduce((all, each) => all + of(each), 0).toString()
  return [
    `${list.length}`,
    sum(({ happened }) => Number(happened)),
    sum(({ messages }) => messages),
    sum(({ lost }) => lost),
    sum(({ doubled }) => doubled),
    sum(({ falseStatus }) => falseStatus),
    sum(({ missing }) => missing),
    sum(({ repeated }) => repeated),
  ]
}

/** `lost`, `doubled` and `false status` break a promise; the last two columns are what QoS 0 and QoS 1 allow. */
export function table(
  results: readonly { test: Case; result: Result }[],
  { date, broker }: { date: Date; broker: string },
): string {
  const groups = new Map<string, Result[]>()
  for (const { test, result } of results) {
    const key = `${test.program.replace('-', ' -')} | ${test.qos}`
    groups.set(key, [...(groups.get(key) ?? []), result])
  }
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    `${date.toISOString().slice(0, 10)}, ${broker}`,
    '',
    line(['program', 'QoS', ...COLUMNS]),
    line(['---', '---', ...COLUMNS.map(() => '---:')]),
    ...[...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, list]) => line([key, ...row(list)])),
    line(['all', '', ...row(results.map(({ result }) => result))]),
  ].join('\n')
}
