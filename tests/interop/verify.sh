#!/bin/sh
# Verifies a value of ours with openssl and prints its claims: verify.sh KEYFILE ENVIRONMENT VALUE
# There is no library here that would check the header and the claims, so this does it by text.
set -eu
key_file=$1 environment=$2 value=$3

refuse() { echo "verify.sh: refused: $1" >&2; exit 1; }
member() { printf '%s\n' "$1" | sed -n 's/.*"'"$2"'" *: *"\([^"]*\)".*/\1/p'; }
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
unbase64url() {
    printf '%s==' "$1" | cut -c "-$(((${#1} + 3) / 4 * 4))" | tr -- '-_' '+/' | openssl base64 -d -A
}

input=${value%.*} signature=${value##*.}
header=$(unbase64url "${input%.*}") claims=$(unbase64url "${input#*.}") jwk=$(cat "$key_file")
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
printf '%s' "$input" > "$folder/input"
unbase64url "$signature" > "$folder/signature"

case $(member "$jwk" kty) in
    oct)
        [ "$(member "$header" alg)" = HS256 ] || refuse alg
        key=$(unbase64url "$(member "$jwk" k)" | od -An -v -tx1 | tr -d ' \n')
        mac=$(openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary "$folder/input" | base64url)
        [ "$mac" = "$signature" ] || refuse signature ;;
    OKP) # the 12 bytes that make a public key file of an Ed25519 point (RFC 8410), then the point
        [ "$(member "$header" alg)" = EdDSA ] || refuse alg
        { printf '0*0\005\006\003+ep\003!\000'; unbase64url "$(member "$jwk" x)"; } > "$folder/key"
        openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$folder/key" \
            -in "$folder/input" -sigfile "$folder/signature" >/dev/null || refuse signature ;;
    *) refuse kty ;;
esac
[ "$(member "$header" typ)" = drill+jwt ] || refuse typ
[ "$(member "$claims" aud)" = "$environment" ] || refuse aud
printf '%s\n' "$claims"
