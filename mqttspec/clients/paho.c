// Paho C. Install: apt-get install libpaho-mqtt-dev. Build and run:
// cc mqttspec/clients/paho.c -lpaho-mqtt3c -o paho && mqttspec client --exec ./paho
#include <MQTTClient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MQTTClient client;
static int v5, qos, burst;

static void check(int code) {
    if (code == 0) return;
    fprintf(stderr, "Paho C: %d\n", code);
    exit(3);
}

static int publish(const char *payload, MQTTClient_deliveryToken *token) {
    MQTTClient_message message = MQTTClient_message_initializer;
    message.payload = (void *)payload;
    message.payloadlen = (int)strlen(payload);
    message.qos = qos;
    message.retained = burst;
    if (v5) return MQTTClient_publishMessage5(client, "mqttspec/out", &message, token).reasonCode;
    return MQTTClient_publishMessage(client, "mqttspec/out", &message, token);
}

static void publish_and_wait(const char *payload) {
    MQTTClient_deliveryToken token;
    check(publish(payload, &token));
    if (qos) check(MQTTClient_waitForCompletion(client, token, 60000));
}

static int subscribe(void) {
    if (!v5) return MQTTClient_subscribe(client, "#", 2);
    int code = MQTTClient_subscribe5(client, "#", 2, NULL, NULL).reasonCode;
    return code <= 2 ? 0 : code;
}

static int unsubscribe(void) {
    if (!v5) return MQTTClient_unsubscribe(client, "#");
    int code = MQTTClient_unsubscribe5(client, "#", NULL).reasonCode;
    return code < 0x80 && code > 0 ? 0 : code; // 0x11: no subscription existed
}

// Waits for a message with the payload `end`.
static void listen_for_end(void) {
    for (int end = 0; !end;) {
        char *topic = NULL;
        int length;
        MQTTClient_message *message = NULL;
        int code = MQTTClient_receive(client, &topic, &length, &message, 500);
        if (message) {
            printf("%.*s\n", message->payloadlen, (char *)message->payload);
            end = message->payloadlen == 3 && !memcmp(message->payload, "end", 3);
            MQTTClient_freeMessage(&message);
            MQTTClient_free(topic);
        } else if (code != MQTTCLIENT_SUCCESS || !MQTTClient_isConnected(client)) check(code ? code : -3);
    }
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    const char *version = argv[3], *scenario = argv[4];
    char address[64];
    snprintf(address, sizeof address, "tcp://%s:%s", argv[1], argv[2]);
    int subscribes = !strcmp(scenario, "subscribe") || !strcmp(scenario, "ping") || !strcmp(scenario, "limits");
    burst = !strcmp(scenario, "publish-burst");
    int two = !strcmp(scenario, "publish-qos1") || !strcmp(scenario, "publish-qos2");
    int one = !strcmp(scenario, "publish-qos0") || !strcmp(scenario, "will") || !strcmp(scenario, "no-client-id");
    int unsubscribes = !strcmp(scenario, "unsubscribe");
    if (!(subscribes || burst || two || one || unsubscribes)) return 127;
    qos = !strcmp(scenario, "publish-qos2") ? 2 : one ? 0 : 1;
    v5 = !strcmp(version, "5.0");

    MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
    create.MQTTVersion = v5 ? MQTTVERSION_5 : MQTTVERSION_DEFAULT;
    check(MQTTClient_createWithOptions(&client, address, strcmp(scenario, "no-client-id") ? "mqttspec" : "",
                                       MQTTCLIENT_PERSISTENCE_NONE, NULL, &create));
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
    MQTTClient_connectOptions options5 = MQTTClient_connectOptions_initializer5;
    if (v5) options = options5;
    options.MQTTVersion = v5 ? MQTTVERSION_5 : !strcmp(version, "3.1") ? MQTTVERSION_3_1 : MQTTVERSION_3_1_1;
    options.keepAliveInterval = strcmp(scenario, "ping") ? 60 : 1;
    MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
    will.topicName = "mqttspec/will";
    will.message = "gone";
    will.qos = will.retained = 1;
    if (!strcmp(scenario, "will")) options.will = &will;
    MQTTProperties properties = MQTTProperties_initializer;
    if (!strcmp(scenario, "limits")) {
        MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, .value.integer4 = 30};
        MQTTProperties_add(&properties, &property);
        property = (MQTTProperty){.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, .value.integer2 = 1};
        MQTTProperties_add(&properties, &property);
        property = (MQTTProperty){.identifier = MQTTPROPERTY_CODE_REQUEST_PROBLEM_INFORMATION, .value.byte = 0};
        MQTTProperties_add(&properties, &property);
    }
    check(v5 ? (int)MQTTClient_connect5(client, &options, &properties, NULL).reasonCode : MQTTClient_connect(client, &options));

    if (subscribes || unsubscribes) check(subscribe());
    if (subscribes) listen_for_end();
    if (unsubscribes) check(unsubscribe());
    if (burst) {
        char payload[501];
        memset(payload, 'x', 500);
        payload[500] = 0;
        MQTTClient_deliveryToken tokens[5];
        for (int i = 0; i < 5; i++) check(publish(payload, &tokens[i]));
        for (int i = 0; i < 5; i++) check(MQTTClient_waitForCompletion(client, tokens[i], 60000));
    } else if (!subscribes) publish_and_wait("1");
    if (two) publish_and_wait("2");
    check(v5 ? MQTTClient_disconnect5(client, 1000, MQTTREASONCODE_SUCCESS, NULL) : MQTTClient_disconnect(client, 1000));
    return 0;
}
