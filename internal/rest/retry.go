package rest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// repeats reports whether a request of this class may be sent again after e. This function is the whole retry policy.
func repeats(class Class, e *Error, had500 bool) bool {
	switch e.Kind {
	case Refused, DNS, Timeout, Reset, Truncated:
		return class != Create || !e.Sent
	case Status:
		return class != Create && repeatsStatus(class, e, had500)
	default: // a retry would not change a certificate, a redirect, a page or a size
		return false
	}
}

// Passing reports whether the same request may succeed later, so that a caller with its own retries sends it again.
func (e *Error) Passing() bool { return repeats(Read, e, false) }

// RetryAfter returns the wait that the server asked for, or 0.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

func repeatsStatus(class Class, e *Error, had500 bool) bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	case http.StatusServiceUnavailable:
		return !e.Off
	case http.StatusInternalServerError:
		// these codes come from MLflow itself, not from a gateway
		settled := e.Code == "INTERNAL_ERROR" || e.Code == "FEATURE_DISABLED"
		return !settled && (class == Read || class == Artifact && !had500)
	default:
		return false
	}
}

// endpointOff reports whether MLflow's start options disable an endpoint. In this case, MLflow sends the same 503 with
// text/html as a gateway with a temporary problem, and since 3.15 sometimes JSON without an error code. Only the
// sentence in the body differs, so this is the only function that checks such a sentence.
func endpointOff(e *Error) bool {
	return e.Status == http.StatusServiceUnavailable && e.Code == "" &&
		(strings.Contains(e.Body, "disabled due to the mlflow server running") ||
			strings.HasPrefix(e.Message, "Artifact serving is disabled"))
}

// longestWait limits how long a server can make the program wait.
const longestWait = 60 * time.Second

// waitFor returns the wait after attempt n. Full jitter spreads out the jobs in a matrix, which fail at the same time.
// A wait that the server asked for is never shortened, except to longestWait.
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

// retryAfter parses a number of seconds or a date. It returns 0 for invalid values, zero and dates in the past. It
// compares a date with the server's Date header, because clocks differ.
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
