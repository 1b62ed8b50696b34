// Prints the value of the header X-Drill-Context: sign KEYFILE DRILL ENVIRONMENT
//
// KEYFILE is a JWK, as `drillgate keys new` writes it. Needs: go get github.com/golang-jwt/jwt/v5
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: sign KEYFILE DRILL ENVIRONMENT")
	}
	keyFile, drill, environment := os.Args[1], os.Args[2], os.Args[3]
	text, err := os.ReadFile(keyFile)
	check(err)
	var jwk struct{ Kty, Kid, K, D string }
	check(json.Unmarshal(text, &jwk))
	secret, err := base64.RawURLEncoding.DecodeString(jwk.K + jwk.D) // a key has one of the two
	check(err)
	if len(secret) < 32 {
		log.Fatalf("sign: %s has no secret to sign with", keyFile)
	}

	var method jwt.SigningMethod = jwt.SigningMethodHS256
	var key any = secret
	if jwk.Kty == "OKP" {
		method, key = jwt.SigningMethodEdDSA, ed25519.NewKeyFromSeed(secret)
	}
	token := jwt.NewWithClaims(method, jwt.RegisteredClaims{
		Subject:  drill,
		Audience: jwt.ClaimStrings{environment},
		IssuedAt: jwt.NewNumericDate(time.Now()), // the gate counts the value's age from then
	})
	token.Header["typ"] = "drill+jwt" // the gate refuses the default, "JWT"
	token.Header["kid"] = jwk.Kid     // the gate finds the key by it
	value, err := token.SignedString(key)
	check(err)
	fmt.Println(value)
}

func check(err error) {
	if err != nil {
		log.Fatal("sign: ", err)
	}
}
