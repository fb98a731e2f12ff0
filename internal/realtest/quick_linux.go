package realtest

import (
	"context"
	"net"
	"net/http"
	"syscall"
	"time"
)

// quick acknowledges every response immediately. With several workers, MLflow's server sends a response in two parts,
// and sends the second part only once the first has been acknowledged. The kernel would delay this by 40 ms.
var quick = &http.Transport{
	MaxIdleConnsPerHost: 64,
	IdleConnTimeout:     time.Second, // shorter than the server's own timeout of 2 s or 5 s
	DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		q := quickConn{conn.(*net.TCPConn)}
		q.acknowledge()
		return q, nil
	},
}

type quickConn struct{ *net.TCPConn }

func (c quickConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.acknowledge() // the kernel resets the option with every packet
	return n, err
}

// acknowledge ignores errors, because without the option, a response is merely slower.
func (c quickConn) acknowledge() {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}
