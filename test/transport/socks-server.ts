// A SOCKS5 proxy of the obedient kind: it answers what the test says, or really connects.

import { connect, type Socket } from 'node:net'

export interface SocksScript {
  /** Method to choose; default 2 where offered and `status` is set, else 0. */
  method?: number
  /** Answer to user name and password; undefined: no login. */
  status?: number
  /** Reply code, default 0. */
  reply?: number
  /** Type of the address in the reply, default 1. */
  type?: number
  /** Send answers byte by byte. */
  dribble?: boolean
  /** What to send behind the reply, in the same write. */
  behind?: string
  /** Where to connect whatever is asked for; undefined: echo. */
  to?: { host: string; port: number }
}

export interface SocksRequest {
  methods: number[]
  userName?: string
  password?: string
  type: number
  host: string
  port: number
}

/** Serves one connection; `asked` is called with what the client wanted. */
export function socksServer(
  script: SocksScript,
  asked: (request: SocksRequest) => void = () => {},
): (socket: Socket) => void {
  return (socket) => {
    void talk(socket, script, asked).catch(() => socket.destroy())
  }
}

async function talk(
  socket: Socket,
  script: SocksScript,
  asked: (request: SocksRequest) => void,
): Promise<void> {
  const { status, reply = 0, type = 1, dribble = false, behind = '', to } = script
  const send = (bytes: Buffer): void => {
    if (dribble) for (const byte of bytes) socket.write(Buffer.of(byte))
    else socket.write(bytes)
  }
  const [, count = 0] = await read(socket, 2)
  const request: SocksRequest = { methods: [...(await read(socket, count))], type: 0, host: '', port: 0 }
  const method = script.method ?? (status !== undefined && request.methods.includes(2) ? 2 : 0)
  send(Buffer.of(5, method))
  if (method === 2) {
    const [, userLength = 0] = await read(socket, 2)
    request.userName = (await read(socket, userLength)).toString()
    const [passwordLength = 0] = await read(socket, 1)
    request.password = (await read(socket, passwordLength)).toString()
    send(Buffer.of(1, status ?? 0))
  }
  const [, , , asksType = 0] = await read(socket, 4)
  request.type = asksType
  const length = asksType === 1 ? 4 : asksType === 4 ? 16 : ((await read(socket, 1))[0] ?? 0)
  const address = await read(socket, length)
  request.host = asksType === 3 ? address.toString() : address.toString('hex')
  request.port = (await read(socket, 2)).readUInt16BE()
  asked(request)
  const bound = type === 4 ? Buffer.alloc(16) : type === 3 ? Buffer.from('\x09localhost') : Buffer.alloc(4)
  const answer = Buffer.concat([Buffer.of(5, reply, 0, type), bound, Buffer.of(0, 0), Buffer.from(behind)])
  if (to === undefined) {
    send(answer)
    socket.pipe(socket)
    return
  }
  const onward = connect(to)
  onward.on('error', () => socket.destroy()).on('close', () => socket.destroy())
  socket.on('close', () => onward.destroy())
  onward.on('connect', () => {
    send(answer)
    socket.pipe(onward).pipe(socket)
  })
}

/** Exactly `length` bytes. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0)
  while (true) {
    const chunk = socket.read(length) as Buffer | null
    if (chunk !== null) return chunk
    await new Promise<void>((resolve, reject) => {
      const onReadable = (): void => settle(resolve)
      const onEnd = (): void => settle(() => reject(new Error('the client left')))
      const settle = (go: () => void): void => {
        socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd)
        go()
      }
      socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd)
    })
  }
}
