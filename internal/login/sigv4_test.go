package login

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The signatures equal those of AWS's plugin and of botocore, byte for byte. testdata/sigv4.py writes the cases.
func TestSigner_EqualsPlugin(t *testing.T) {
	text, err := os.ReadFile("testdata/sigv4.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Method, URL, Service, Region, Session, Body, Authorization string
		Headers                                                    map[string]string
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 40 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		r, err := http.NewRequest(c.Method, c.URL, strings.NewReader(c.Body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range c.Headers {
			r.Header.Set(name, value)
		}
		keys := Keys{ID: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Session: c.Session}
		s := NewSigner(
			SageMaker{Service: c.Service, Region: c.Region},
			Credentials{Keys: func(context.Context) (Keys, error) { return keys, nil }},
			func(...string) {},
			func() time.Time { return time.Date(2026, 11, 27, 17, 17, 8, 0, time.UTC) },
		)
		if err := s.Apply(r); err != nil {
			t.Fatal(err)
		}
		if got := r.Header.Get("Authorization"); got != c.Authorization {
			t.Errorf("%s %s\n got %s\nwant %s", c.Method, c.URL, got, c.Authorization)
		}
	}
}
