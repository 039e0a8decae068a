// netns-forward accepts connections in the network namespace that it is started in, and forwards them from inside another one.
//
// A cluster that lives in a namespace of its own is thereby reached at one loopback address from both sides.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const inherited = "NETNS_FORWARD_LISTENER"

func main() {
	netns := flag.String("netns", "", "file of the network namespace to dial in")
	listen := flag.String("listen", "", "address to accept at, in the namespace of the caller")
	dial := flag.String("dial", "", "address to dial, in the other namespace")
	flag.Parse()
	if *netns == "" || *listen == "" || *dial == "" {
		flag.Usage()
		os.Exit(2)
	}

	var err error
	if fd := os.Getenv(inherited); fd == "" {
		err = enter(*netns, *listen)
	} else {
		err = serve(fd, *dial)
	}
	log.Fatalf("netns-forward: %v", err)
}

// A socket stays in the namespace that it was made in, but a thread's namespace is not its process's: so the listener is made first,
// one thread moves, and the program starts anew from that thread, which leaves no other thread behind. The process id is kept.
func enter(netns, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	namespace, err := os.Open(netns)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("cannot enter %s: %w", netns, err)
	}
	if _, err := unix.FcntlInt(file.Fd(), unix.F_SETFD, 0); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return unix.Exec(self, os.Args, append(os.Environ(), inherited+"="+strconv.Itoa(int(file.Fd()))))
}

func serve(fd, address string) error {
	number, err := strconv.Atoi(fd)
	if err != nil {
		return err
	}
	listener, err := net.FileListener(os.NewFile(uintptr(number), "listener"))
	if err != nil {
		return err
	}
	for {
		outer, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			// Out of file descriptors, most likely; that passes when some connections end.
			log.Printf("accept: %v", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go forward(outer.(*net.TCPConn), address)
	}
}

func forward(outer *net.TCPConn, address string) {
	defer outer.Close()
	connection, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		log.Printf("dial: %v", err)
		return
	}
	inner := connection.(*net.TCPConn)
	defer inner.Close()
	done := make(chan struct{})
	go func() {
		relay(inner, outer)
		close(done)
	}()
	relay(outer, inner)
	<-done
}

// One side may end while the other still speaks: only that half is closed.
func relay(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	to.CloseWrite()
}
