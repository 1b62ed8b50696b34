// Verifies a value of ours with jose and prints its claims: verify.mjs KEYFILE ENVIRONMENT VALUE
import { readFileSync } from 'node:fs'
import { importJWK, jwtVerify } from 'jose'

const [keyFile, audience, value] = process.argv.slice(2)
const jwk = JSON.parse(readFileSync(keyFile, 'utf8'))
const alg = jwk.kty === 'oct' ? 'HS256' : 'EdDSA'
const key = await importJWK(jwk, alg)
try {
  const { payload } = await jwtVerify(value, key, {
    algorithms: [alg],
    typ: 'drill+jwt',
    audience,
    requiredClaims: ['sub', 'iat'],
  })
  console.log(JSON.stringify(payload))
} catch (error) {
  console.error(`verify.mjs: refused: ${error}`)
  process.exitCode = 1
}
