// Lines of other tools with their passwords: mosquitto_passwd 2.1, and 2.0 for the last two (contract 6.5).

import type { SchemeName } from '../../src/passwd/hash.js'

export interface Worked {
  user: string
  password: string
  scheme: SchemeName
  value: string
}

const SESAME = 'open sesame'

export const WORKED: readonly Worked[] = [
  {
    user: 'alice',
    password: SESAME,
    scheme: 'sha512',
    value:
      '$6$13XuNXDXGO61C891HKzWB8kzg53hJME0H4XsfFev+VQL3ohL+9SVWaSLan3qxJsw8DIDLUS6JJB2i9Rwyz9Yrg==$Hi98OHN8njXi2T4MKt7H4AOSlt6kroh3HrKk30SGrt9KeqNNtC0aMj3h0ODPIdpWtY9BTaM+wCrrOhqOw0WuTQ==',
  },
  {
    user: 'alice',
    password: SESAME,
    scheme: 'sha512-pbkdf2',
    value:
      '$7$1000$WY41GiLSb16iqxJNRchO8Q/w8t4//xYHQ14zfZ17SI0P0KzCR06zpMlrq8u1BRg1+QBUX5hvUFGR6LOeWuLU2A==$E1rXbbLfYNge5mi+JqdaxpknB7A3C3ze72NvvivICF6KoXmPRHhvCbhCAnMj/P5NKm84o4XebcsXH6dHdyJE9g==',
  },
  {
    user: 'alice',
    password: SESAME,
    scheme: 'argon2id',
    value:
      '$argon2id$v=19$m=47104,t=1,p=1$AV3ksWKZltmkCi+Zmg0kMhY92OKqhRekUrTggQtYWuEZq97rnYYqy/rWopBo3bfbhk+ZJlEd3Hu4MHXYV2yeaA$eu1ezTOQRrVWExognu67TxvbPQGv3yl6Rs4JkOkgYTuWKdBMcW4/Co9uebGiRfRDFNzmdesDyDjd4zEklKTKrQ',
  },
  {
    user: 'bob',
    password: 'pässwörd:$7$',
    scheme: 'sha512-pbkdf2',
    value:
      '$7$25000$0H+Cu2OsRs8ykerdtd0kxtaNQHncVITAeU07YInRXBXiMQcHHsgyljuUMiebXQt7FQxT9nNww8sxefZHMSorRw==$5aS7MCtSc+Z4YH2zcWRUFHjOFcajt2o1dAthtl7+hocYVTgY/HUd2onau35TTnLJybbxb4Grh1ceHbG3qwCDUg==',
  },
  {
    user: 'carol',
    password: SESAME,
    scheme: 'sha512-pbkdf2',
    value:
      '$7$101$WZU8BtoO+Mz4YTWS$QJyfOcGrOwppp8e79C+glY7N+BL1Ej7dvkcUshr7td7aRX+e355ITNilTqEwdWh3Ue5nYN75rMaueZlxw19D0A==',
  },
  {
    user: 'dave',
    password: SESAME,
    scheme: 'sha512',
    value:
      '$6$eToDb2BBkZArsxEz$8ZlPgC9U1AHLuyiEWA+t1nuIR0pTif8rGu8EFkyU5To8QhoqDIjPDVXQq+pGKtSNdg9qVof+DD/rn5m/CObrlQ==',
  },
]
