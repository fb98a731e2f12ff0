package rest

import (
	"net"
	"syscall"
	"testing"
)

func TestQuickAck_AfterEachRead(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn)
	go func() {
		conn, _ := l.Accept()
		accepted <- conn
	}()
	conn, err := dialer(withDefaults(Config{}))(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	peer := <-accepted
	defer peer.Close()

	q, ok := conn.(*quickConn)
	if !ok || !armed(t, q) {
		t.Fatalf("connection of type %T does not acknowledge immediately", conn)
	}
	for range 3 {
		disarm(t, q)
		peer.Write([]byte("x"))
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if !armed(t, q) {
			t.Error("the option is not set after a read")
		}
	}
	plain, err := dialer(withDefaults(Config{NoQuickAck: true}))(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	plain.Close()
	if _, ok := plain.(*quickConn); ok {
		t.Error("got a quickConn although NoQuickAck is set")
	}
}

func armed(t *testing.T, q *quickConn) (on bool) {
	t.Helper()
	err := q.raw.Control(func(fd uintptr) {
		v, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK)
		on = err == nil && v != 0
	})
	if err != nil {
		t.Fatal(err)
	}
	return on
}

func disarm(t *testing.T, q *quickConn) {
	t.Helper()
	err := q.raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 0)
	})
	if err != nil || armed(t, q) {
		t.Fatalf("reset the option: %v", err)
	}
}
