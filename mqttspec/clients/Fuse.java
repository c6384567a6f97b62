// FuseSource's mqtt-client. It has no 5.0. Install: apt-get install libmqtt-client-java default-jdk-headless
// Build: javac -cp '/usr/share/java/*' -d fuse mqttspec/clients/Fuse.java
// Run: mqttspec client --exec "java -cp fuse:/usr/share/java/mqtt-client.jar:/usr/share/java/hawtbuf.jar:\
// /usr/share/java/hawtdispatch.jar:/usr/share/java/hawtdispatch-transport.jar Fuse"
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.fusesource.mqtt.client.Future;
import org.fusesource.mqtt.client.FutureConnection;
import org.fusesource.mqtt.client.MQTT;
import org.fusesource.mqtt.client.Message;
import org.fusesource.mqtt.client.QoS;
import org.fusesource.mqtt.client.Topic;

public class Fuse {
    static final QoS[] QOS = {QoS.AT_MOST_ONCE, QoS.AT_LEAST_ONCE, QoS.EXACTLY_ONCE};

    public static void main(String[] args) {
        String version = args[2], scenario = args[3];
        boolean listens = scenario.equals("subscribe") || scenario.equals("ping");
        boolean unsubscribes = scenario.equals("unsubscribe");
        boolean publishes = scenario.matches("publish-qos[012]");
        boolean hasWill = scenario.equals("will");
        if (version.equals("5.0") || !(listens || unsubscribes || publishes || hasWill)) System.exit(127);
        int qos = publishes ? scenario.charAt(scenario.length() - 1) - '0' : unsubscribes ? 1 : 0;
        try {
            MQTT mqtt = new MQTT();
            mqtt.setHost(args[0], Integer.parseInt(args[1]));
            mqtt.setVersion(version);
            mqtt.setClientId("mqttspec");
            mqtt.setCleanSession(true);
            mqtt.setKeepAlive((short) (scenario.equals("ping") ? 2 : 60));
            mqtt.setConnectAttemptsMax(0);
            mqtt.setReconnectAttemptsMax(0);
            if (hasWill) {
                mqtt.setWillTopic("mqttspec/will");
                mqtt.setWillMessage("gone");
                mqtt.setWillQos(QoS.AT_LEAST_ONCE);
                mqtt.setWillRetain(true);
            }
            // the acknowledgement of a message in a BlockingConnection waits for the PUBREL, and nothing is read until then
            FutureConnection connection = mqtt.futureConnection();
            connection.connect().await();
            if (listens || unsubscribes) connection.subscribe(new Topic[] {new Topic("#", QoS.EXACTLY_ONCE)}).await();
            if (listens) listen(connection);
            if (unsubscribes) connection.unsubscribe(new String[] {"#"}).await();
            int count = listens ? 0 : qos > 0 && publishes ? 2 : 1;
            for (int i = 1; i <= count; i++) connection.publish("mqttspec/out", ("" + i).getBytes(), QOS[qos], false).await();
            connection.disconnect().await();
            System.exit(0);
        } catch (Exception error) {
            System.err.println(error);
            System.exit(3);
        }
    }

    // Prints each message until there is one with the payload `end`.
    static void listen(FutureConnection connection) throws Exception {
        for (Future<Message> next = connection.receive();;) {
            try {
                Message message = next.await(500, TimeUnit.MILLISECONDS);
                next = connection.receive();
                String payload = new String(message.getPayload());
                System.out.println(payload);
                message.ack();
                if (payload.equals("end")) return;
            } catch (TimeoutException none) {
                if (!connection.isConnected()) throw new Exception("the connection is lost");
            }
        }
    }
}
