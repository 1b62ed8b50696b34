#!/usr/bin/env node
// Prints the value of the header X-Drill-Context: sign.mjs KEYFILE DRILL ENVIRONMENT
// KEYFILE is a JWK, as `drillgate keys new` writes it. Needs Node.js 20 and: npm install jose
import { readFileSync } from 'node:fs'
import { importJWK, SignJWT } from 'jose'

const [keyFile, drill, environment, ...rest] = process.argv.slice(2)
if (!environment || rest.length) {
  console.error('usage: sign.mjs KEYFILE DRILL ENVIRONMENT')
  process.exit(2)
}
const jwk = JSON.parse(readFileSync(keyFile, 'utf8'))
if (!jwk.k && !jwk.d) {
  console.error(`sign.mjs: ${keyFile} has no secret to sign with`)
  process.exit(1)
}
const alg = jwk.kty === 'oct' ? 'HS256' : 'EdDSA'

const value = await new SignJWT()
  // The gate demands this typ, and finds the key by kid.
  .setProtectedHeader({ alg, typ: 'drill+jwt', kid: jwk.kid })
  .setSubject(drill)
  .setAudience(environment)
  // The gate counts the value's age from iat.
  .setIssuedAt()
  .sign(await importJWK(jwk, alg))
console.log(value)
