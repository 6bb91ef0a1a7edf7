import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './process.ts'

// A configuration file rather than -addext: the openssl of macOS does not know that option in every version.
const request = `[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = penknife test server
[extensions]
basicConstraints = critical, CA:true
subjectAltName = IP:127.0.0.1, DNS:localhost
`

/** Makes tls.key and tls.crt: a certificate for 127.0.0.1 that is its own authority. Gives it as PEM. */
export async function makeCertificate(folder: string): Promise<string> {
  const [config, key, certificate] = ['tls.conf', 'tls.key', 'tls.crt'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  await writeFile(config, request)
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-days', '2']
  await run('openssl', [...args, '-config', config, '-keyout', key, '-out', certificate], {
    env: process.env,
  })
  return readFile(certificate, 'utf8')
}
