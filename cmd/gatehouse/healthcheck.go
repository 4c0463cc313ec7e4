package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type healthcheckCommand struct {
	URL string `arg:"" optional:"" default:"http://127.0.0.1:8080/readyz" help:"Address to ask; of host:port alone, /readyz."`
}

// Run asks once, for at most three seconds.
func (c healthcheckCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	address, err := healthAddress(c.URL)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("address to ask: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	said, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	if err != nil {
		return fmt.Errorf("unhealthy: %s", response.Status)
	}
	return fmt.Errorf("unhealthy: %s: %s", response.Status, strings.Join(strings.Fields(string(said)), " "))
}

// healthAddress completes host:port, and an address without a path.
func healthAddress(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	address, err := url.Parse(text)
	if err != nil || address.Host == "" {
		return "", fmt.Errorf("%q is not an address such as http://127.0.0.1:8080/readyz or 127.0.0.1:8080", text)
	}
	if address.Path == "" {
		address.Path = "/readyz"
	}
	return address.String(), nil
}
