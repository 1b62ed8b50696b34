"""Verifies a value of ours with PyJWT and prints its claims: verify.py KEYFILE ENVIRONMENT VALUE"""
import json
import sys

import jwt

key_file, environment, value = sys.argv[1:]
with open(key_file, encoding="utf-8") as file:
    jwk = json.load(file)
algorithm = {"oct": "HS256", "OKP": "EdDSA"}[jwk["kty"]]
try:
    token = jwt.decode_complete(
        value,
        jwt.PyJWK(jwk, algorithm),
        algorithms=[algorithm],
        audience=environment,
        options={"require": ["sub", "aud", "iat"]},
    )
except jwt.InvalidTokenError as error:
    sys.exit(f"verify.py: refused: {error!r}")
# PyJWT leaves typ to its caller.
if token["header"].get("typ") != "drill+jwt":
    sys.exit("verify.py: refused: typ")
print(json.dumps(token["payload"]))
