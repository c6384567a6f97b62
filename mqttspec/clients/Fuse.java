// FuseSource's mqtt-client. It has no 5.0. Install: apt-get install libmqtt-client-java default-jdk-headless
// Build: javac -cp '/usr/share/java/*' -d fuse mqttspec/clients/Fuse.java
// Run: mqttspec client --exec "java -cp fuse:/usr/share/java/mqtt-client.jar:/usr/share/java/hawtbuf.jar:\
// /usr/share/java/hawtdispatch.jar:/usr/share/java/hawtdispatch-transport.jar Fuse"
import java.util.concurrent.TimeUnit;
import org.fusesource.mqtt.client.BlockingConnection;
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
            BlockingConnection connection = mqtt.blockingConnection();
            connection.connect();
            if (listens || unsubscribes) connection.subscribe(new Topic[] {new Topic("#", QoS.EXACTLY_ONCE)});
            for (boolean end = !listens; !end;) {
                Message message = connection.receive(500, TimeUnit.MILLISECONDS);
                if (message == null) {
                    if (!connection.isConnected()) throw new Exception("the connection is lost");
                    continue;
                }
                String payload = new String(message.getPayload());
                System.out.println(payload);
                message.ack();
                end = payload.equals("end");
            }
            if (unsubscribes) connection.unsubscribe(new String[] {"#"});
            int count = listens ? 0 : qos > 0 && publishes ? 2 : 1;
            for (int i = 1; i <= count; i++) connection.publish("mqttspec/out", ("" + i).getBytes(), QOS[qos], false);
            connection.disconnect();
            System.exit(0);
        } catch (Exception error) {
            System.err.println(error);
            System.exit(3);
        }
    }
}
