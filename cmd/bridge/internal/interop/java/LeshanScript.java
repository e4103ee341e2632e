// A server on Eclipse Leshan's server library, for the tests of package interop:
// newer than the demo server. Java runs this file as it is; nothing is built.
//
//     LeshanScript <CoAP port> <CoAPS port> <PSK identity> <key in hex> <endpoint with that key>
//
// Every device that registers is led through one script of requests. Each
// line of output that begins with "SCRIPT <endpoint>" is a step of it; the last one is
// "SCRIPT <endpoint> done". What is not as it should be is an ERROR.
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.model.ResourceModel.Operations;
import org.eclipse.leshan.core.model.ResourceModel.Type;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.TimestampedLwM2mNodes;
import org.eclipse.leshan.core.observation.CompositeObservation;
import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.observation.SingleObservation;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.CreateRequest;
import org.eclipse.leshan.core.request.DeleteRequest;
import org.eclipse.leshan.core.request.DiscoverRequest;
import org.eclipse.leshan.core.request.DownlinkDeviceManagementRequest;
import org.eclipse.leshan.core.request.ExecuteRequest;
import org.eclipse.leshan.core.request.ObserveCompositeRequest;
import org.eclipse.leshan.core.request.ObserveRequest;
import org.eclipse.leshan.core.request.ReadCompositeRequest;
import org.eclipse.leshan.core.request.ReadRequest;
import org.eclipse.leshan.core.request.SendRequest;
import org.eclipse.leshan.core.request.WriteCompositeRequest;
import org.eclipse.leshan.core.request.WriteRequest;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.core.response.ObserveCompositeResponse;
import org.eclipse.leshan.core.response.ObserveResponse;
import org.eclipse.leshan.core.response.ReadCompositeResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.model.StaticModelProvider;
import org.eclipse.leshan.server.observation.ObservationListener;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;
import org.eclipse.leshan.servers.security.InMemorySecurityStore;
import org.eclipse.leshan.servers.security.SecurityInfo;
import org.eclipse.leshan.server.send.SendListener;
import org.eclipse.leshan.transport.californium.server.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coap.CoapServerProtocolProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coaps.CoapsServerProtocolProvider;

public class LeshanScript {
    static final long TIMEOUT = 20_000; // ms, of one request and of one notification

    static LeshanServer server;
    static final Map<String, BlockingQueue<String>> told = new ConcurrentHashMap<>(); // by endpoint

    public static void main(String[] args) throws Exception {
        List<ObjectModel> models = ObjectLoader.loadAllDefault();
        models.add(softwareModel());
        InMemorySecurityStore keys = new InMemorySecurityStore();
        keys.add(SecurityInfo.newPreSharedKeyInfo(args[4], args[2], HexFormat.of().parseHex(args[3])));

        CaliforniumServerEndpointsProvider.Builder endpoints = new CaliforniumServerEndpointsProvider.Builder(
                new CoapServerProtocolProvider(), new CoapsServerProtocolProvider());
        Configuration config = endpoints.createDefaultConfiguration();
        config.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, 6);
        endpoints.setConfiguration(config);
        endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), Protocol.COAP);
        endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[1])), Protocol.COAPS);
        LeshanServerBuilder builder = new LeshanServerBuilder();
        builder.setObjectModelProvider(new StaticModelProvider(models));
        builder.setSecurityStore(keys);
        builder.setEndpointsProviders(endpoints.build());
        server = builder.build();
        server.getRegistrationService().addListener(new Registrations());
        server.getObservationService().addListener(new Observations());
        server.getSendService().addListener(new Sends());
        server.start();
        System.out.println("SCRIPT ready");
    }

    static ObjectModel softwareModel() {
        return new ObjectModel(9, "Software Management", "", "1.0", true, false,
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

    static void say(String endpoint, String what) {
        System.out.println("SCRIPT " + endpoint + " " + what);
    }

    static void fail(String endpoint, String what) {
        System.out.println("[script] ERROR " + endpoint + ": " + what);
    }

    // step sends a request and compares the code.
    static <T extends LwM2mResponse> T step(Registration to, String what, int code,
            DownlinkDeviceManagementRequest<T> request) throws Exception {
        T answer = server.send(to, request, TIMEOUT);
        if (answer == null) {
            fail(to.getEndpoint(), what + ": no answer");
        } else if (answer.getCode().getCode() != code) {
            fail(to.getEndpoint(), what + ": " + answer.getCode() + " " + answer.getErrorMessage() + ", not " + code);
        } else {
            say(to.getEndpoint(), what);
        }
        return answer;
    }

    static void expect(String endpoint, String what, Object got, String wanted) {
        if (!String.valueOf(got).contains(wanted)) {
            fail(endpoint, what + ": " + got + " without " + wanted);
        }
    }

    // awaitTold waits for something that the device told by itself; others
    // that come before are passed over.
    static void awaitTold(String endpoint, String wanted) throws Exception {
        for (;;) {
            String got = told.get(endpoint).poll(TIMEOUT, TimeUnit.MILLISECONDS);
            if (got == null) {
                fail(endpoint, "never told: " + wanted);
                return;
            } else if (got.contains(wanted)) {
                say(endpoint, "told " + wanted);
                return;
            }
        }
    }

    static void script(Registration r) throws Exception {
        String ep = r.getEndpoint();
        for (ContentFormat f : new ContentFormat[] { null, ContentFormat.TLV, ContentFormat.SENML_JSON,
                ContentFormat.SENML_CBOR, ContentFormat.JSON }) {
            ReadResponse a = step(r, "read /3/0 as " + f, 205, new ReadRequest(f, "/3/0"));
            expect(ep, "read as " + f, a.getContent(), "MC70 \u00fc");
            step(r, "read /9 as " + f, 205, new ReadRequest(f, "/9"));
            step(r, "read /1/0 as " + f, 205, new ReadRequest(f, "/1/0"));
        }
        step(r, "read /9/0/7 as CBOR", 205, new ReadRequest(ContentFormat.CBOR, "/9/0/7"));
        step(r, "read /9/0/4", 405, new ReadRequest("/9/0/4"));
        step(r, "discover", 205, new DiscoverRequest("/9"));
        for (ContentFormat f : new ContentFormat[] { ContentFormat.SENML_JSON, ContentFormat.SENML_CBOR }) {
            ReadCompositeResponse a = step(r, "read composite as " + f, 205,
                    new ReadCompositeRequest(f, f, "/3/0/1", "/9/0", "/1/0/1"));
            expect(ep, "read composite as " + f, a.getContent(), "MC70 \u00fc");
            step(r, "write composite as " + f, 204,
                    new WriteCompositeRequest(f, Map.of("/1/0/1", f == ContentFormat.SENML_JSON ? 301L : 302L)));
            awaitTold(ep, f == ContentFormat.SENML_JSON ? "update lt=301" : "update lt=302");
        }
        step(r, "observe composite", 205, new ObserveCompositeRequest(ContentFormat.SENML_CBOR,
                ContentFormat.SENML_CBOR, "/9/0/7", "/9/0/9"));
        step(r, "observe /9/0/12 as SenML CBOR", 205, new ObserveRequest(ContentFormat.SENML_CBOR, "/9/0/12"));
        step(r, "write the URI as SenML CBOR", 204,
                new WriteRequest(ContentFormat.SENML_CBOR, 9, 0, 3, "http://127.0.0.1/\u00fc.pkg"));
        awaitTold(ep, "/9/0/7=3");
        step(r, "write in the wrong state", 405, new WriteRequest(ContentFormat.CBOR, 9, 0, 3, "http://127.0.0.1/2"));
        step(r, "install", 204, new ExecuteRequest("/9/0/4"));
        awaitTold(ep, "/9/0/7=4");
        step(r, "activate", 204, new ExecuteRequest("/9/0/10", "0='x'"));
        awaitTold(ep, "/9/0/12=true");
        step(r, "create", 201, new CreateRequest(ContentFormat.SENML_CBOR, "/9",
                new org.eclipse.leshan.core.node.LwM2mObjectInstance(1)));
        step(r, "push a package in blocks", 204, new WriteRequest(ContentFormat.OPAQUE, 9, 1, 2, new byte[3000]));
        step(r, "observe /9/1/7", 205, new ObserveRequest("/9/1/7"));
        step(r, "delete", 202, new DeleteRequest("/9/1"));
        awaitTold(ep, "no more of /9/1/7: NOT_FOUND");
        say(ep, "done");
    }

    static class Registrations implements RegistrationListener {
        @Override
        public void registered(Registration r, Registration previous, Collection<Observation> observations) {
            told.put(r.getEndpoint(), new LinkedBlockingQueue<>());
            say(r.getEndpoint(), "registered " + r.getLwM2mVersion() + " from " + r.getSocketAddress());
            new Thread(() -> {
                try {
                    script(r);
                } catch (Exception e) {
                    fail(r.getEndpoint(), String.valueOf(e));
                    e.printStackTrace();
                }
            }).start();
        }

        @Override
        public void updated(RegistrationUpdate update, Registration r, Registration previous) {
            say(r.getEndpoint(), "updated from " + r.getSocketAddress());
            told.get(r.getEndpoint()).add("update lt=" + r.getLifeTimeInSec());
        }

        @Override
        public void unregistered(Registration r, Collection<Observation> observations, boolean expired,
                Registration next) {
            say(r.getEndpoint(), "unregistered");
        }
    }

    static class Observations implements ObservationListener {
        @Override
        public void newObservation(Observation o, Registration r) {
        }

        @Override
        public void cancelled(Observation o) {
        }

        @Override
        public void onResponse(SingleObservation o, Registration r, ObserveResponse a) {
            if (!a.isSuccess()) { // how a device ends the observation of what is gone (RFC 7641, 4.2)
                told.get(r.getEndpoint()).add("no more of " + o.getPath() + ": " + a.getCode());
                return;
            }
            told.get(r.getEndpoint()).add(o.getPath() + "="
                    + ((org.eclipse.leshan.core.node.LwM2mSingleResource) a.getContent()).getValue());
        }

        @Override
        public void onResponse(CompositeObservation o, Registration r, ObserveCompositeResponse a) {
            StringBuilder all = new StringBuilder();
            for (Map.Entry<LwM2mPath, org.eclipse.leshan.core.node.LwM2mNode> e : a.getContent().entrySet()) {
                all.append(e.getKey()).append('=')
                        .append(((org.eclipse.leshan.core.node.LwM2mSingleResource) e.getValue()).getValue()).append(' ');
            }
            told.get(r.getEndpoint()).add(all.toString());
        }

        @Override
        public void onError(Observation o, Registration r, Exception e) {
            fail(r.getEndpoint(), "notification of " + o + ": " + e);
        }
    }

    static class Sends implements SendListener {
        @Override
        public void dataReceived(Registration r, TimestampedLwM2mNodes data, SendRequest request) {
            say(r.getEndpoint(), "sent " + data.getFlattenNodes());
        }

        @Override
        public void onError(Registration r, String message, Exception e) {
            fail(r.getEndpoint(), "send: " + message + " " + e);
        }
    }
}
