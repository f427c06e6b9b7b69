//go:build !linux || (!amd64 && !arm64)

package shimfile

var packed []byte
