#!/usr/bin/env python3
"""Prints the value of the header X-Drill-Context: sign.py KEYFILE DRILL ENVIRONMENT

KEYFILE is a JWK, as `drillgate keys new` writes it. Needs: pip install 'PyJWT[crypto]'
"""
import json
import sys
import time

import jwt

if len(sys.argv) != 4:
    sys.exit("usage: sign.py KEYFILE DRILL ENVIRONMENT")
key_file, drill, environment = sys.argv[1:]
with open(key_file, encoding="utf-8") as file:
    jwk = json.load(file)
if "k" not in jwk and "d" not in jwk:
    sys.exit(f"sign.py: {key_file} has no secret to sign with")
algorithm = {"oct": "HS256", "OKP": "EdDSA"}[jwk["kty"]]

print(
    jwt.encode(
        # The gate counts the value's age from iat, which PyJWT does not add by itself.
        {"sub": drill, "aud": environment, "iat": int(time.time())},
        jwt.PyJWK(jwk, algorithm),
        algorithm,
        # The gate finds the key by kid, and refuses PyJWT's default typ, "JWT".
        headers={"typ": "drill+jwt", "kid": jwk["kid"]},
    )
)
