// What the manual page of mqtt-passwd says beside its options.

import type { Page } from './man.js'

export const PASSWD_PAGE: Page = {
  brief: 'make and change password files of MQTT brokers',
  synopsis:
    '[-c | -D] [-H SCHEME] [OPTION...] FILE USER | -b [OPTION...] FILE USER PASSWORD | -U FILE | --verify USER FILE | --list FILE | --import KIND [-c] FILE',
  description: [
    'Adds USER to FILE, or gives USER another password, and asks for it twice without showing it. Where standard input is no terminal, its first two lines are the password and the same again. It takes the command lines of mosquitto_passwd.',
    'Options stand in front of FILE. The first word that is none ends them, so that USER and PASSWORD may begin with a minus sign; -- ends them too. A FILE whose name begins with one is written ./-NAME.',
    'Standard output says added or updated and the user, nothing for -D and -U, and only the password for --generate. With --import it says how many. Messages never contain a password or a hash.',
    'A user name has at most 65535 bytes, no colon, no control characters, no blank at either end and no # in front. A password has at most 65535 bytes (65499 where it is typed) and at least one; it is hashed byte for byte as it is.',
  ],
  sections: [
    {
      title: 'SCHEMES',
      paragraphs: () => [
        '\\fBsha512-pbkdf2\\fR: $7$, PBKDF2 with HMAC-SHA-512 and the iterations of -I. For every mosquitto from 1.6 on: the salt has 12 bytes, because those before 2.1 take no other; salts of 64 bytes, as mosquitto_passwd 2.1 writes them, verify too.',
        '\\fBargon2id\\fR: $argon2id$ with 46 MiB of memory, one pass and one lane. For mosquitto from 2.1 on, where it is built with argon2.',
        '\\fBsha512\\fR: $6$, one round of SHA-512. For mosquitto before 1.6 and for VerneMQ. It is quick to guess.',
        '\\fBbcrypt\\fR: $2a$ with the cost of --cost ($2y$ with --format htpasswd). For NATS, EMQX, mosquitto-go-auth and others, not for mosquitto itself. At most 72 bytes of UTF-8 without NUL: longer passwords are refused, because bcrypt would ignore the rest.',
        'Whatever has these beginnings, and hashes of other tools such as $apr1$ and $5$, counts as hashed for -U and is left alone.',
      ],
    },
    {
      title: 'FORMATS',
      paragraphs: () => [
        '\\fBmosquitto\\fR: lines of USER:HASH. In mosquitto.conf: password_file /etc/mosquitto/passwd. In vernemq.conf (with -H sha512): vmq_passwd.password_file = /etc/vernemq/vmq.passwd.',
        '\\fBhtpasswd\\fR: lines of USER:HASH with bcrypt, for Apache, nginx and proxies in front of a broker. In Apache: AuthUserFile /etc/apache2/passwords.',
        '\\fBnats\\fR: an authorization block with bcrypt. In nats-server.conf: include passwords.conf.',
        '\\fBrabbitmq\\fR: definitions with the salted SHA-256 of RabbitMQ. In rabbitmq.conf: load_definitions = /etc/rabbitmq/users.json; in a running one: rabbitmqctl import_definitions users.json. Virtual hosts and permissions are not part of it: rabbitmqctl set_permissions gives them.',
        '\\fBemqx\\fR: the bootstrap file of the built-in database of EMQX 5, with bcrypt. In emqx.conf: authentication = [{mechanism = password_based, backend = built_in_database, password_hash_algorithm = {name = bcrypt}, bootstrap_file = "/etc/emqx/users.csv", bootstrap_type = hash}]. User names have no comma, blank or quote.',
        'mosquitto and htpasswd files can be changed in place. The other three are only written whole, with -c, mostly from --import.',
      ],
    },
    {
      title: 'THE FILE',
      paragraphs: () => [
        'Comments, blank lines and all other lines stay byte for byte where they are. A line that is neither USER:HASH nor a comment is kept too, with a warning that names its number; so are users with more than one line, of which the first is the one that counts. Lines end as the first one does (LF or CR LF), and a last line without an end gets one before another follows.',
        'The new content is written to a temporary file in the same folder, synced, and renamed over FILE, so that a crash at any moment leaves the old file or the new one. Mode, owner and group are kept, and a symbolic link stays one. A new file has mode 0600. The folder must be writable; where FILE itself is a mount point, as in a container, mount its folder instead. Access control lists and extended attributes are not carried over.',
        'Runs on the same FILE wait for each other by a lock, .FILE.lock beside it, which names the process and the host that hold it. What a killed run leaves is cleaned up by the next one on the same host. The lock of another host is respected until --lock-timeout. mosquitto_passwd does not look at the lock; where it changes FILE in between, the run begins anew with what is there.',
        'SIGINT and SIGTERM end the program by the signal, and leave neither a changed file nor anything beside it.',
      ],
    },
  ],
  differences:
    'Command lines of mosquitto_passwd 2.1 work unchanged. Different on purpose: --help and --version exit with 0; comments and blank lines are kept instead of being taken for corruption; -U leaves hashes alone; nothing is ever half written; prompts go to standard error; a signal ends the program as one; empty passwords, and names that brokers cannot use, are refused; too many words are an error; the file is checked before the password is asked for. Where the owner of FILE cannot be kept the program stops instead of warning.',
  examples: [
    { text: 'Make a file and ask for the password:', command: 'mqtt-passwd -c passwd alice' },
    {
      text: 'Take it from a secret file:',
      command: 'mqtt-passwd --password-file /run/secrets/alice passwd alice',
    },
    {
      text: 'Run again and again, as configuration management does:',
      command: 'mqtt-passwd -c --if-changed --password-file alice.secret passwd alice',
    },
    {
      text: 'Many users for NATS:',
      command: 'mqtt-passwd --import lines -c --format nats users.conf < users.txt',
    },
    {
      text: 'Check a password in a script:',
      command: 'printf "%s\\n" "$password" | mqtt-passwd --verify alice --password-file - passwd',
    },
  ],
}
