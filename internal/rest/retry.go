package rest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// repeats is the whole policy: may a request of this class be sent again after e?
func repeats(class Class, e *Error, had500 bool) bool {
	switch e.Kind {
	case Refused, DNS, Timeout, Reset, Truncated:
		return class != Create || !e.Sent
	case Status:
		return class != Create && repeatsStatus(class, e, had500)
	default: // a certificate, a redirect, a page or a size will be the same next time
		return false
	}
}

func repeatsStatus(class Class, e *Error, had500 bool) bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	case http.StatusServiceUnavailable:
		return !switchedOff(e)
	case http.StatusInternalServerError:
		settled := e.Code == "INTERNAL_ERROR" || e.Code == "FEATURE_DISABLED" // MLflow's own verdict, no gateway's
		return !settled && (class == Read || class == Artifact && !had500)
	default:
		return false
	}
}

// switchedOff is the one place that reads a sentence: MLflow answers an endpoint that its start options turned off with
// the same 503 and the same text/html as a gateway's passing trouble, and tells them apart in words only.
func switchedOff(e *Error) bool {
	return strings.Contains(e.Body, "disabled due to the mlflow server running")
}

// longestWait bounds what a server may ask for.
const longestWait = 60 * time.Second

// waitFor is the wait after the nth attempt. Full jitter keeps the jobs of a matrix, which fail together, from coming
// back together. A server's own figure is never undercut.
func (c Config) waitFor(n int, asked time.Duration) time.Duration {
	if asked > 0 {
		return min(asked+c.jitter(c.MinWait), longestWait)
	}
	ceiling := c.MaxWait
	if n < 16 {
		ceiling = min(c.MinWait<<(n-1), c.MaxWait)
	}
	return c.jitter(ceiling)
}

func (c Config) jitter(upTo time.Duration) time.Duration {
	return time.Duration(c.Jitter() * float64(upTo))
}

// retryAfter reads seconds or a date; anything else, zero and the past are as good as nothing. A date is compared with
// the server's own, since clocks differ.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if isDigits(value) {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(longestWait/time.Second) {
			return longestWait
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(at.Sub(now), 0), longestWait)
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
