// Completion scripts for shells, printed from the flag table.

import { flagsOf } from './index.js'
import { takesWords } from './parse.js'
import { propertiesFor, propertyName } from './property.js'
import { COMMANDS, type Command, type Program, type Shell, spellings } from './table.js'

export function completion(program: Program, shell: Shell): string {
  return { bash, zsh, fish }[shell](program)
}

function propertyNames(command: Command): string[] {
  return propertiesFor(command).map(propertyName)
}

function bash(program: Program): string {
  const flags = flagsOf(program)
  const name = `_${program.replace('-', '_')}`
  const takesProperties = flags.some(({ long }) => long === 'property')
  const withValue = flags.filter(({ value, joined, long }) => value && !joined && long !== 'property')
  const cases = withValue.flatMap((flag) => {
    const { choices, path } = flag.takes.type ?? {}
    const pattern = spellings(flag).join(' | ')
    if (choices) return [`    ${pattern}) COMPREPLY=($(compgen -W '${choices().join(' ')}' -- "$cur")) ;;`]
    if (path) return [`    ${pattern}) COMPREPLY=($(compgen -${path === 'file' ? 'f' : 'd'} -- "$cur")) ;;`]
    return []
  })
  const commands = COMMANDS.map((command) => {
    return `    '-D 2 ${command}') COMPREPLY=($(compgen -W '${propertyNames(command).join(' ')}' -- "$cur")) ;;`
  })
  const skipProperty = `    -D | --property)
      option=-D values=3
      [[ \${COMP_WORDS[at+2]} == user-property ]] && values=4 ;;
`
  const atProperty = `  [[ $option == -D ]] && option="-D $((COMP_CWORD - at))"
  [[ $option == '-D 2' ]] && option="-D 2 \${COMP_WORDS[at+1]}"
`
  const propertyCases = [
    `    '-D 1') COMPREPLY=($(compgen -W '${COMMANDS.join(' ')}' -- "$cur")) ;;`,
    ...commands,
  ]
  const files = `    [[ $cur == -* ]] || COMPREPLY=($(compgen -f -- "$cur"))\n`
  // From the left, because a value may look like an option: at which option are we, and at which of its values?
  return `# bash completion for ${program}: source <(${program} --completion bash)
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} option='' values at=1
  COMPREPLY=()
  while ((at < COMP_CWORD)); do
    option=\${COMP_WORDS[at]} values=0
    case $option in
${takesProperties ? skipProperty : ''}    ${withValue.flatMap(spellings).join(' | ')}) values=1 ;;
    esac
    ((at + values >= COMP_CWORD)) && break
    ((at += values + 1))
  done
  if ((at >= COMP_CWORD)); then
    COMPREPLY=($(compgen -W '${flags.flatMap(spellings).join(' ')}' -- "$cur"))
${takesWords(program) ? files : ''}    return
  fi
${takesProperties ? atProperty : ''}  case $option in
${[...(takesProperties ? propertyCases : []), ...cases].join('\n')}
  esac
}
complete -o filenames -F ${name} ${program}
`
}

function zsh(program: Program): string {
  const allProperties = [...new Set(COMMANDS.flatMap(propertyNames))]
  const rows = flagsOf(program).map((flag) => {
    const all = spellings(flag)
    const { type, many } = flag.takes
    const exclusive = many ? '*' : `(${all.join(' ')})`
    const equals = flag.joined ? '=-' : ''
    const spelled = all.length > 1 ? `{${all.join(',')}}` : `'${all[0]}${equals}'`
    const text = `[${flag.brief.replace(/[[\]:]/g, '\\$&')}]`
    const action = type?.path
      ? type.path === 'file'
        ? '_files'
        : '_files -/'
      : type?.choices
        ? `(${type.choices().join(' ')})`
        : ' '
    const tail =
      flag.long === 'property'
        ? `:command:(${COMMANDS.join(' ')}):property:(${allProperties.join(' ')}):value: `
        : flag.value === undefined
          ? ''
          : `${flag.joined ? ':' : ''}:${flag.value}:${action}`
    return `  '${exclusive}'${spelled}${quoted(`${text}${tail}`)}`
  })
  return `#compdef ${program}
# zsh completion for ${program}: put it into a folder of $fpath under the name _${program}
_arguments -S \\
${[...rows, ...(takesWords(program) ? ["  '*:file:_files'"] : [])].join(' \\\n')}
`
}

function fish(program: Program): string {
  const lines = flagsOf(program).map((flag) => {
    const { short, long, brief, value, joined, takes } = flag
    const words = [
      `complete -c ${program}`,
      ...(short === undefined ? [] : [`-s ${short}`]),
      ...(long === undefined ? [] : [`-l ${long}`]),
      ...(value === undefined || joined ? [] : takes.type?.path ? ['-r -F'] : ['-x']),
      ...(flag.long === 'property' ? [`-a ${quoted(COMMANDS.join(' '))}`] : []),
      ...(takes.type?.choices ? [`-a ${quoted(takes.type.choices().join(' '))}`] : []),
      `-d ${quoted(brief)}`,
    ]
    return words.join(' ')
  })
  // fish knows options with one value: behind the command of -D, the property is a word like any other.
  const words = '(commandline -opc | tail -n 2 | string join " ")'
  const second = COMMANDS.map((command) => {
    const behind = `string match -qr -- "^(-D|--property) ${command}\\$" ${words}`
    return `complete -c ${program} -n ${quoted(behind)} -a ${quoted(propertyNames(command).join(' '))}`
  })
  return `# fish completion for ${program}: ${program} --completion fish | source
${[...(takesWords(program) ? [] : [`complete -c ${program} -f`]), ...lines, ...second].join('\n')}
`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
