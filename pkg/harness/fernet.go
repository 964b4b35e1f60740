package harness

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// fernet decrypts a token of the Fernet format with one key: both in url-safe
// base64. It is here so that a key is tried without Airflow, which would try all
// that it was given.
func fernet(key, token string) (string, error) {
	secret, err := base64.URLEncoding.DecodeString(key)
	if err != nil || len(secret) != 32 {
		return "", errors.New("decrypt: the key is not 32 bytes of url-safe base64")
	}
	data, err := base64.URLEncoding.DecodeString(token)
	if err != nil {
		return "", fmt.Errorf("decrypt: %w", err)
	}
	// Version, time, vector, text in blocks, signature.
	const head, vector, signature = 9, aes.BlockSize, sha256.Size
	if len(data) < head+vector+aes.BlockSize+signature || (len(data)-head-signature)%aes.BlockSize != 0 || data[0] != 0x80 {
		return "", errors.New("decrypt: it is no Fernet token")
	}
	signed, sum := data[:len(data)-signature], data[len(data)-signature:]
	mac := hmac.New(sha256.New, secret[:16])
	mac.Write(signed)
	if !hmac.Equal(mac.Sum(nil), sum) {
		return "", errors.New("decrypt: it was signed with another key")
	}
	block, err := aes.NewCipher(secret[16:])
	if err != nil {
		return "", fmt.Errorf("decrypt: %w", err)
	}
	text := make([]byte, len(signed)-head-vector)
	cipher.NewCBCDecrypter(block, signed[head:head+vector]).CryptBlocks(text, signed[head+vector:])
	padding := int(text[len(text)-1])
	if padding < 1 || padding > aes.BlockSize {
		return "", errors.New("decrypt: its padding is wrong")
	}
	return string(text[:len(text)-padding]), nil
}
