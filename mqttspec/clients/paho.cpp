// Paho C++. Install: apt-get install libpaho-mqttpp-dev. Build and run:
// c++ -std=c++17 mqttspec/clients/paho.cpp -lpaho-mqttpp3 -lpaho-mqtt3as -o paho-cpp && mqttspec client --exec ./paho-cpp
#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <mqtt/async_client.h>

using namespace std::chrono_literals;

struct Plan { int qos; std::vector<std::string> messages; };

const std::string LARGE(500, 'x');
const std::map<std::string, Plan> PLANS = {
    {"publish-qos0", {0, {"1"}}}, {"publish-qos1", {1, {"1", "2"}}}, {"publish-qos2", {2, {"1", "2"}}},
    {"publish-burst", {1, {LARGE, LARGE, LARGE, LARGE, LARGE}}}, {"will", {0, {"1"}}}, {"no-client-id", {0, {"1"}}},
    {"unsubscribe", {1, {"1"}}}, {"subscribe", {0, {}}}, {"ping", {0, {}}}, {"limits", {0, {}}},
};

// Prints each message until there is one with the payload `end`.
void listen(mqtt::async_client& client) {
    for (std::string payload; payload != "end";) {
        mqtt::const_message_ptr message;
        if (!client.try_consume_message_for(&message, 500ms) && client.is_connected()) continue;
        if (!message) throw mqtt::exception(MQTTASYNC_DISCONNECTED);
        payload = message->to_string();
        std::cout << payload << std::endl;
    }
}

void play(mqtt::async_client& client, const std::string& version, const std::string& scenario, const Plan& plan) {
    mqtt::connect_options options;
    options.set_mqtt_version(version == "5.0" ? MQTTVERSION_5 : version == "3.1" ? MQTTVERSION_3_1 : MQTTVERSION_3_1_1);
    version == "5.0" ? options.set_clean_start(true) : options.set_clean_session(true);
    options.set_keep_alive_interval(scenario == "ping" ? 1 : 60);
    if (scenario == "will") options.set_will({"mqttspec/will", std::string("gone"), 1, true});
    if (scenario == "limits") {
        options.set_properties({{mqtt::property::MAXIMUM_PACKET_SIZE, 30}, {mqtt::property::RECEIVE_MAXIMUM, 1},
                                {mqtt::property::REQUEST_PROBLEM_INFORMATION, 0}});
    }
    client.start_consuming();
    client.connect(options)->wait();
    if (plan.messages.empty() || scenario == "unsubscribe") client.subscribe("#", 2)->wait();
    if (plan.messages.empty()) listen(client);
    if (scenario == "unsubscribe") client.unsubscribe("#")->wait();
    const bool burst = scenario == "publish-burst";
    std::vector<mqtt::token_ptr> open;
    for (const auto& message : plan.messages) {
        open.push_back(client.publish("mqttspec/out", message, plan.qos, burst));
        if (!burst) open.back()->wait();
    }
    for (const auto& token : open) token->wait();
    client.disconnect()->wait();
}

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    const std::string version = argv[3], scenario = argv[4];
    const auto plan = PLANS.find(scenario);
    if (plan == PLANS.end()) return 127;
    const mqtt::create_options create(version == "5.0" ? MQTTVERSION_5 : MQTTVERSION_DEFAULT);
    const std::string id = scenario == "no-client-id" ? "" : "mqttspec";
    mqtt::async_client client(std::string("tcp://") + argv[1] + ":" + argv[2], id, create, nullptr);
    try {
        play(client, version, scenario, plan->second);
    } catch (const mqtt::exception& error) {
        std::cerr << "Paho C++ error: " << error.what() << std::endl;
        _Exit(3);
    }
}
