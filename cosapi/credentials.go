package cosapi

import (
	"context"
	"log/slog"
)

// Credentials is a key pair, with the token of a temporary one.
type Credentials struct{ SecretID, SecretKey, Token string }

// Anonymous says that requests go out unsigned.
func (c Credentials) Anonymous() bool { return c.SecretID == "" }

// String shows who, never how: the key and the token stay secret whatever
// prints the value.
func (c Credentials) String() string {
	if c.Anonymous() {
		return "anonymous"
	}
	return "SecretID " + c.SecretID
}

// GoString is String, for %#v.
func (c Credentials) GoString() string { return "cosapi.Credentials{" + c.String() + "}" }

// LogValue is String, for slog.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// CredentialSource gives the credentials of the next request. It is asked
// before every attempt, so that a source may rotate them; it must be fast
// when nothing changed and safe for concurrent use.
type CredentialSource interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// Static is a source of one fixed pair.
func Static(c Credentials) CredentialSource {
	return staticSource(func() Credentials { return c })
}

// staticSource hides the pair in a closure: fmt prints unexported fields, a
// Config within a struct for one, without asking their String methods.
type staticSource func() Credentials

func (s staticSource) Credentials(context.Context) (Credentials, error) { return s(), nil }
