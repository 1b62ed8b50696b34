// Verifies a value of ours with golang-jwt and prints its claims: verify KEYFILE ENVIRONMENT VALUE
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log"
	"os"

	"github.com/golang-jwt/jwt/v5"
)

func main() {
	keyFile, environment, value := os.Args[1], os.Args[2], os.Args[3]
	text, err := os.ReadFile(keyFile)
	check(err)
	var jwk struct{ Kty, K, X string }
	check(json.Unmarshal(text, &jwk))
	bytes, err := base64.RawURLEncoding.DecodeString(jwk.K + jwk.X) // a key has one of the two
	check(err)
	method, key := "HS256", any(bytes)
	if jwk.Kty == "OKP" {
		method, key = "EdDSA", ed25519.PublicKey(bytes)
	}

	// golang-jwt leaves typ to its caller.
	find := func(token *jwt.Token) (any, error) {
		if token.Header["typ"] != "drill+jwt" {
			return nil, errors.New("typ")
		}
		return key, nil
	}
	token, err := jwt.Parse(value, find,
		jwt.WithValidMethods([]string{method}),
		jwt.WithAudience(environment),
		jwt.WithIssuedAt(),
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber())
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(token.Claims))
}

func check(err error) {
	if err != nil {
		log.Fatal("verify: refused: ", err)
	}
}
