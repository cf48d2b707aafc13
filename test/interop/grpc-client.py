"""Calls Pointsman with grpcio and the descriptors alone, over clear-text HTTP/2.

Usage: grpc-client.py HOST:PORT DESCRIPTOR_SET DEVICE_ADDRESS HOST:PORT_THAT_ASKS_FOR_KEYS READER_KEY
Prints one line of JSON with what it saw; the test that runs it judges that.
"""

import json
import sys
import time

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

address, image, device_address, locked_address, reader_key = sys.argv[1:6]
pool = descriptor_pool.DescriptorPool()
with open(image, "rb") as file:
    files = descriptor_pb2.FileDescriptorSet.FromString(file.read()).file
for proto in files:
    pool.Add(proto)

# The contract does not use google.rpc.Status, which is what the details of a gRPC error travel in.
if "google/protobuf/any.proto" not in {proto.name for proto in files}:
    any_file = descriptor_pb2.FileDescriptorProto()
    any_pb2.DESCRIPTOR.CopyToProto(any_file)
    pool.Add(any_file)
status_file = descriptor_pb2.FileDescriptorProto(
    name="status.proto", package="google.rpc", syntax="proto3", dependency=["google/protobuf/any.proto"]
)
status_message = status_file.message_type.add(name="Status")
status_message.field.add(name="code", number=1, type=5, label=1)
status_message.field.add(name="message", number=2, type=9, label=1)
status_message.field.add(name="details", number=3, type=11, label=3, type_name=".google.protobuf.Any")
pool.Add(status_file)
factory = message_factory.MessageFactory(pool)
channel = grpc.insecure_channel(address)
locked = grpc.insecure_channel(locked_address)


def message(name):
    return factory.GetPrototype(pool.FindMessageTypeByName(name))


def method(path):
    service, name = path.split("/")
    found = pool.FindServiceByName(service).FindMethodByName(name)
    proto = descriptor_pb2.MethodDescriptorProto()
    found.CopyToProto(proto)
    kinds = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, True): channel.stream_stream,
    }
    request, response = factory.GetPrototype(found.input_type), factory.GetPrototype(found.output_type)
    call = kinds[(proto.client_streaming, proto.server_streaming)]
    return call("/" + path, request.SerializeToString, response.FromString), request


def failure(call):
    try:
        call()
    except grpc.RpcError as error:
        trailer = {key: value for key, value in error.trailing_metadata()}
        status = message("google.rpc.Status").FromString(trailer["grpc-status-details-bin"])
        info, fields = message("google.rpc.ErrorInfo")(), []
        for detail in status.details:
            if detail.Is(info.DESCRIPTOR):
                detail.Unpack(info)
            bad = message("google.rpc.BadRequest")()
            if detail.Is(bad.DESCRIPTOR):
                detail.Unpack(bad)
                fields += [violation.field for violation in bad.field_violations]
        return {"code": error.code().name, "reason": info.reason, "domain": info.domain, "fields": fields}
    return None


jobs = "pointsman.v1.JobService/"
create, CreateJob = method(jobs + "CreateJob")
get, GetJob = method(jobs + "GetJob")
watch, WatchJob = method(jobs + "WatchJob")
cancel, CancelJob = method(jobs + "CancelJob")
health, HealthCheck = method("grpc.health.v1.Health/Check")
reflect, Reflect = method("grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
seen = {}

request = CreateJob()
request.job.endpoint.address = device_address
request.job.endpoint.platform = "cisco_ios"
request.job.endpoint.secret.username = "ann"
request.job.endpoint.secret.password = "pw"
request.job.commands.commands.add(command="show version")
job = create(request, timeout=60, compression=grpc.Compression.Gzip).job
seen["created"] = job.id

seen["invalid"] = failure(lambda: get(GetJob(id="?"), timeout=60))
seen["missing"] = failure(lambda: get(GetJob(id="0" * 26), timeout=60))

started = time.monotonic()
waiting = GetJob(id=job.id)
waiting.wait_timeout.seconds = 30
try:
    get(waiting, timeout=0.3)
except grpc.RpcError as error:
    seen["deadline"] = error.code().name
seen["deadline_in_time"] = time.monotonic() - started < 25

stream = watch(WatchJob(id=job.id))
seen["stream"] = [next(stream).WhichOneof("item") for _ in range(3)]
stream.cancel()
try:
    next(stream)
except grpc.RpcError as error:
    seen["cancelled"] = error.code().name



def nothing_at(path):
    call = channel.unary_unary("/" + path, GetJob.SerializeToString, GetJob.FromString)
    return failure(lambda: call(GetJob(id=job.id), timeout=60))


seen["no_method"] = nothing_at(jobs + "Nope")
seen["no_service"] = nothing_at("pointsman.v1.NoService/Get")
unauthenticated = locked.unary_unary("/" + jobs + "GetJob", GetJob.SerializeToString, GetJob.FromString)
seen["unauthenticated"] = failure(lambda: unauthenticated(GetJob(id=job.id), timeout=60))
forbidden = locked.unary_unary("/" + jobs + "CancelJob", CancelJob.SerializeToString, CancelJob.FromString)
reader = [("authorization", "Bearer " + reader_key)]
seen["forbidden"] = failure(lambda: forbidden(CancelJob(id=job.id), timeout=60, metadata=reader))

cancel(CancelJob(id=job.id), timeout=60)
seen["rest"] = [item.WhichOneof("item") for item in watch(WatchJob(id=job.id), timeout=60)]
# It looks again and again, and may find that a busy machine kept it waiting.
for _ in range(60):
    seen["health"] = health(HealthCheck(), timeout=60).status
    if seen["health"] == 1:
        break
    time.sleep(1)
answers = reflect(iter([Reflect(list_services="*")]), timeout=60)
seen["services"] = [service.name for answer in answers for service in answer.list_services_response.service]
print(json.dumps(seen))
