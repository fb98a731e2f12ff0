package rest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// tlsConfig returns the TLS settings. Unless the configuration adds certificate authorities, those of the system are
// loaded only when they are needed.
func tlsConfig(cfg Config) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.InsecureTLS}
	if len(cfg.CAs) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(cfg.CAs) {
			return nil, errors.New("read certificate authorities: no certificate in PEM format")
		}
		c.RootCAs = pool
	}
	if len(cfg.ClientCert) > 0 {
		pair, err := tls.X509KeyPair(cfg.ClientCert, cfg.ClientCert)
		if err != nil {
			return nil, fmt.Errorf("read client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// tlsProblem describes a TLS failure that no retry can fix, in a way that a person can act on. It returns "" for other
// errors.
func tlsProblem(err error, host string) string {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		name    x509.HostnameError
		other   *tls.CertificateVerificationError
		noTLS   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &noTLS):
		return fmt.Sprintf("%q does not speak TLS on this port; is it an http url?", host)
	case errors.As(err, &unknown):
		return fmt.Sprintf("certificate of %q is signed by %s, which is not trusted here", host, issuer(unknown.Cert))
	case errors.As(err, &name):
		return fmt.Sprintf("certificate is for %s, not for %q; issuer %s",
			names(name.Certificate), name.Host, issuer(name.Certificate))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("certificate of %q is valid from %s to %s, not now; issuer %s", host,
			day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter), issuer(invalid.Cert))
	case errors.As(err, &invalid), errors.As(err, &other):
		return fmt.Sprintf("certificate of %q is not accepted: %s", host, Clean(err.Error()))
	}
	return ""
}

func issuer(c *x509.Certificate) string {
	if c == nil {
		return "an unnamed authority"
	}
	return fmt.Sprintf("%q", Clean(c.Issuer.String()))
}

func names(c *x509.Certificate) string {
	var all []string
	for _, n := range c.DNSNames {
		all = append(all, fmt.Sprintf("%q", Clean(n)))
	}
	for _, ip := range c.IPAddresses {
		all = append(all, fmt.Sprintf("%q", ip))
	}
	switch {
	case len(all) == 0:
		return fmt.Sprintf("%q", Clean(c.Subject.String()))
	case len(all) > 5:
		all = append(all[:5], "…")
	}
	return strings.Join(all, ", ")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
