package login // internal: on every page the address is one of these, which takes a client each

import "testing"

func TestDestination(t *testing.T) {
	for uri, want := range map[string]string{
		"https://client.example:8443/cb?a=b": "client.example:8443", "http://127.0.0.1:9000/cb": "a program on this device", "com.example.app:/cb": "the app com.example.app",
		"https://client.example/%zz": "",
	} {
		if got := destination(uri); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}
