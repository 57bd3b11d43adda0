package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// Tasks go in at one end of a stream, and results come out at the other, as they are ready.
func ExampleClient_Open() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Config{Address: "127.0.0.1:9501", TokenFile: "token"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	s, err := c.Open(ctx, client.StreamSpec{Job: fanfold.Job{Program: "echo"}})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	go func() {
		for i := range 1000 {
			if _, err := s.Send(ctx, client.Task{Data: fmt.Append(nil, i)}); err != nil {
				return // Recv says why
			}
		}
		_ = s.CloseSend() // likewise
	}()
	for {
		r, err := s.Recv(ctx)
		if errors.Is(err, io.EOF) {
			break // all tasks have their results
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("task %d %s: %s\n", r.Tag, r.State, r.Data)
	}
}

// A call gives one result for each task, at the deadline at the latest.
func ExampleStream_CallAll() {
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	c, err := client.Dial(ctx, client.Config{Address: "/run/fanfold/coordinator.sock"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	s, err := c.Open(ctx, client.StreamSpec{Job: fanfold.Job{Program: "steps"}})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	show := func(r client.Result) { fmt.Println(r.Status) }
	results, err := s.CallAll(ctx, []client.Task{
		{Data: []byte("this"), OnPartial: show}, {Data: []byte("that"), Key: []byte("user 7")},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		if r.State == fanfold.TimedOut {
			fmt.Println("no answer in two seconds")
			continue
		}
		fmt.Printf("%s after %d attempts: %s\n", r.State, r.Attempts, r.Data)
	}
}
