#!/bin/sh
# Prints the value of the header X-Drill-Context: sign.sh KEYFILE DRILL ENVIRONMENT
# KEYFILE is a JWK, as `drillgate keys new` writes it. Needs OpenSSL 3.
# openssl takes an HS256 secret as an argument only, so `ps` shows it for a moment: where others
# share the machine, use an Ed25519 key or another recipe.
set -eu
[ $# -eq 3 ] || { echo "usage: sign.sh KEYFILE DRILL ENVIRONMENT" >&2; exit 2; }
jwk=$(cat "$1") drill=$2 environment=$3

member() { printf '%s\n' "$jwk" | sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
unbase64url() {
    printf '%s==' "$1" | cut -c "-$(((${#1} + 3) / 4 * 4))" | tr -- '-_' '+/' | openssl base64 -d -A
}

case $(member kty) in oct) alg=HS256 secret=$(member k) ;; *) alg=EdDSA secret=$(member d) ;; esac
[ -n "$secret" ] || { echo "sign.sh: $1 has no secret to sign with" >&2; exit 1; }

# The gate demands this typ, finds the key by kid, and counts the value's age from iat.
header=$(printf '{"alg":"%s","typ":"drill+jwt","kid":"%s"}' "$alg" "$(member kid)" | base64url)
claims=$(printf '{"sub":"%s","aud":"%s","iat":%s}' "$drill" "$environment" "$(date +%s)" | base64url)
input=$(mktemp); trap 'rm -f "$input"' EXIT
printf '%s.%s' "$header" "$claims" > "$input"
if [ "$alg" = HS256 ]; then
    key=$(unbase64url "$secret" | od -An -v -tx1 | tr -d ' \n')
    signature=$(openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary "$input" | base64url)
else # the 16 bytes that make a PKCS #8 file of an Ed25519 secret (RFC 8410), then the secret
    signature=$({ printf '0.\002\001\0000\005\006\003+ep\004"\004 '; unbase64url "$secret"; } |
        openssl pkeyutl -sign -rawin -keyform DER -inkey /dev/stdin -in "$input" | base64url)
fi
[ -n "$signature" ] && printf '%s.%s\n' "$(cat "$input")" "$signature"
