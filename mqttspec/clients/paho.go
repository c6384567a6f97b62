// paho.mqtt.golang. It has no 5.0. Install: apt-get install golang-go golang-github-eclipse-paho.mqtt.golang-dev
// Build and run: GO111MODULE=off GOPATH=/usr/share/gocode go build -o paho-go mqttspec/clients/paho.go
// mqttspec client --exec ./paho-go
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

func check(token mqtt.Token) {
	if token.Wait() && token.Error() != nil {
		fail(token.Error())
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
}

func main() {
	host, port, version, scenario := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	protocol := map[string]uint{"3.1": 3, "3.1.1": 4}[version]
	messages, known := map[string][]string{
		"publish-qos0": {"1"}, "will": {"1"}, "no-client-id": {"1"}, "publish-qos1": {"1", "2"}, "publish-qos2": {"1", "2"},
		"publish-burst": {}, "unsubscribe": {"1"}, "subscribe": {}, "ping": {},
	}[scenario]
	if protocol == 0 || !known {
		os.Exit(127)
	}
	qos := byte(0)
	switch scenario {
	case "publish-qos1", "publish-burst", "unsubscribe":
		qos = 1
	case "publish-qos2":
		qos = 2
	}
	options := mqtt.NewClientOptions().AddBroker("tcp://" + host + ":" + port).SetProtocolVersion(protocol)
	options.SetAutoReconnect(false).SetCleanSession(true).SetKeepAlive(60 * time.Second)
	options.SetConnectionLostHandler(func(_ mqtt.Client, err error) { fail(err) })
	if scenario != "no-client-id" {
		options.SetClientID("mqttspec")
	}
	if scenario == "ping" {
		options.SetKeepAlive(2 * time.Second)
	}
	if scenario == "will" {
		options.SetWill("mqttspec/will", "gone", 1, true)
	}
	client := mqtt.NewClient(options)
	check(client.Connect())
	end := make(chan bool, 1)
	if scenario == "subscribe" || scenario == "ping" || scenario == "unsubscribe" {
		check(client.Subscribe("#", 2, func(_ mqtt.Client, message mqtt.Message) {
			fmt.Println(string(message.Payload()))
			if string(message.Payload()) == "end" {
				end <- true
			}
		}))
	}
	if scenario == "subscribe" || scenario == "ping" {
		<-end
	}
	if scenario == "unsubscribe" {
		check(client.Unsubscribe("#"))
	}
	if scenario == "publish-burst" {
		var tokens []mqtt.Token
		for i := 0; i < 5; i++ {
			tokens = append(tokens, client.Publish("mqttspec/out", qos, true, strings.Repeat("x", 500)))
		}
		for _, token := range tokens {
			check(token)
		}
	}
	for _, message := range messages {
		check(client.Publish("mqttspec/out", qos, false, message))
	}
	client.Disconnect(250)
}
