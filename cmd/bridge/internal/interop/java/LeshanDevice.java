// A device on Eclipse Leshan's client library, for the tests of package
// interop. Java runs this file as it is; nothing is built.
//
//     LeshanDevice <server URI> <endpoint> [<PSK identity> <key in hex>]
//
// It has Objects 1, 3 and 9. Install and Activate set State (7), Result (9) and
// Activation State (12) as a device would; Deactivate, with a resource's path as
// its argument or without one, sends /9/0 or that unasked (Send).
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.object.Device;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.resource.BaseInstanceEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.send.ManualDataSender;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.LwM2mId;
import org.eclipse.leshan.core.model.LwM2mModelRepository;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.model.ResourceModel.Operations;
import org.eclipse.leshan.core.model.ResourceModel.Type;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.request.BindingMode;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;
import org.eclipse.leshan.transport.californium.client.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coaps.CoapsClientProtocolProvider;

public class LeshanDevice {
    static final int SOFTWARE = 9;
    static final int SHORT_ID = 123;
    static final long LIFETIME = 300; // seconds

    static LeshanClient client;

    public static void main(String[] args) {
        List<ObjectModel> models = new ArrayList<>(ObjectLoader.loadDefault());
        models.add(softwareModel());
        ObjectsInitializer objects = new ObjectsInitializer(new LwM2mModelRepository(models).getLwM2mModel());
        objects.setInstancesForObject(LwM2mId.SECURITY, args.length < 4 ? Security.noSec(args[0], SHORT_ID)
                : Security.psk(args[0], SHORT_ID, args[2].getBytes(), HexFormat.of().parseHex(args[3])));
        objects.setInstancesForObject(LwM2mId.SERVER,
                new Server(SHORT_ID, LIFETIME, EnumSet.of(BindingMode.U), false, BindingMode.U));
        objects.setInstancesForObject(LwM2mId.DEVICE, new Device("Contoso", "MC70 \u00fc", "12345"));
        objects.setInstancesForObject(SOFTWARE, new Software());
        objects.setClassForObject(LwM2mId.OSCORE, org.eclipse.leshan.client.object.Oscore.class);

        CaliforniumClientEndpointsProvider.Builder endpoints = new CaliforniumClientEndpointsProvider.Builder(
                new CoapClientProtocolProvider(), new CoapsClientProtocolProvider());
        Configuration config = endpoints.createDefaultConfiguration();
        config.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, 0); // offered, and none wanted for itself
        endpoints.setConfiguration(config);

        DefaultRegistrationEngineFactory engine = new DefaultRegistrationEngineFactory();
        engine.setReconnectOnUpdate(false);
        LeshanClientBuilder builder = new LeshanClientBuilder(args[1]);
        builder.setObjects(objects.createAll());
        builder.setEndpointsProviders(endpoints.build());
        builder.setRegistrationEngineFactory(engine);
        builder.setDataSenders(new ManualDataSender());
        client = builder.build();
        client.start();
    }

    static ObjectModel softwareModel() {
        return new ObjectModel(SOFTWARE, "Software Management", "", "1.0", true, false,
                resource(0, Operations.R, Type.STRING), resource(1, Operations.R, Type.STRING),
                resource(2, Operations.W, Type.OPAQUE), resource(3, Operations.W, Type.STRING),
                resource(4, Operations.E, Type.NONE), resource(6, Operations.E, Type.NONE),
                resource(7, Operations.R, Type.INTEGER), resource(8, Operations.RW, Type.BOOLEAN),
                resource(9, Operations.R, Type.INTEGER), resource(10, Operations.E, Type.NONE),
                resource(11, Operations.E, Type.NONE), resource(12, Operations.R, Type.BOOLEAN));
    }

    static ResourceModel resource(int id, Operations operations, Type type) {
        return new ResourceModel(id, "resource " + id, operations, false, false, type, "", "", "");
    }

    public static class Software extends BaseInstanceEnabler {
        private final Map<Integer, Object> values = new ConcurrentHashMap<>(
                Map.of(0, "firmware", 1, "1.0", 7, 0L, 8, false, 9, 0L, 12, false));

        @Override
        public ReadResponse read(LwM2mServer server, int id) {
            Object v = values.get(id);
            if (v instanceof Long n) {
                return ReadResponse.success(id, n);
            } else if (v instanceof Boolean b) {
                return ReadResponse.success(id, b);
            } else if (v instanceof String s) {
                return ReadResponse.success(id, s);
            }
            return ReadResponse.notFound();
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int id, LwM2mResource value) {
            Object v = value.getValue();
            if (v instanceof byte[] b) { // a package: its size can be read as its version
                set(1, String.valueOf(b.length));
            } else if (id == 3) { // likewise the URI as its name
                set(0, v);
            } else {
                set(id, v);
            }
            if (id == 2 || id == 3) {
                set(7, 3L);
            }
            return WriteResponse.success();
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int id, Arguments arguments) {
            switch (id) {
            case 4:
                set(9, 2L);
                set(7, 4L);
                break;
            case 6:
                set(12, false);
                set(7, 0L);
                set(9, 0L);
                break;
            case 10:
                set(12, true);
                break;
            case 11:
                String path = arguments.isEmpty() ? "/9/0" : arguments.get(0).getValue();
                client.getSendService().sendData(server, ContentFormat.SENML_CBOR, Arrays.asList(path), 20_000,
                        answer -> System.out.println("Send answered " + answer.getCode()),
                        error -> System.out.println("[send] ERROR " + error));
                break;
            default:
                return ExecuteResponse.notFound();
            }
            return ExecuteResponse.success();
        }

        private void set(int id, Object value) {
            if (!value.equals(values.put(id, value))) {
                fireResourceChange(id);
            }
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return new ArrayList<>(model.resources.keySet());
        }
    }
}
