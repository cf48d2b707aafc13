import {
  create,
  createRegistry,
  type DescFile,
  type DescService,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionResponseSchema,
} from "../gen/grpc/reflection/v1/reflection_pb.js";
import {
  ServerReflection as ServerReflectionAlpha,
  ServerReflectionResponseSchema as AlphaResponseSchema,
} from "../gen/grpc/reflection/v1alpha/reflection_pb.js";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;
type Question = Pick<ServerReflectionRequest, "messageRequest">;

/** A question is a name or a number. */
const maxQuestionBytes = 16 * 1024;

/** Serves the descriptors of `services` and of everything they use, so that `buf curl` and its like need no files. */
export function reflectionRoutes(router: ConnectRouter, services: readonly DescService[]): void {
  const answerTo = createAnswers([...services, ServerReflection, ServerReflectionAlpha]);
  const options = { readMaxBytes: maxQuestionBytes };
  router.service(
    ServerReflection,
    {
      async *serverReflectionInfo(requests) {
        const sent = new Set<DescFile>();
        for await (const originalRequest of requests) {
          const messageResponse = answerTo(originalRequest, sent);
          yield create(ServerReflectionResponseSchema, { originalRequest, messageResponse });
        }
      },
    },
    options,
  );
  // The older version has the same messages under another package name.
  router.service(
    ServerReflectionAlpha,
    {
      async *serverReflectionInfo(requests) {
        const sent = new Set<DescFile>();
        for await (const originalRequest of requests) {
          const messageResponse = answerTo(originalRequest as unknown as Question, sent);
          yield create(AlphaResponseSchema, { originalRequest, messageResponse: messageResponse as never });
        }
      },
    },
    options,
  );
}

function createAnswers(services: readonly DescService[]): (question: Question, sent: Set<DescFile>) => Answer {
  const files = new Map<string, DescFile>();
  const collect = (file: DescFile): void => {
    if (files.has(file.proto.name)) return;
    files.set(file.proto.name, file);
    file.dependencies.forEach(collect);
  };
  for (const service of services) collect(service.file);
  const registry = createRegistry(...files.values());

  const fileOf = (symbol: string): DescFile | undefined => {
    const name = symbol.replace(/^\./, "");
    const found = registry.get(name);
    if (found) return found.file;
    const dot = name.lastIndexOf(".");
    const parent = registry.get(name.slice(0, Math.max(0, dot)));
    const leaf = name.slice(dot + 1);
    const members: readonly { readonly name: string }[] =
      parent?.kind === "service"
        ? parent.methods
        : parent?.kind === "message"
          ? parent.members
          : parent?.kind === "enum"
            ? parent.values
            : [];
    return members.some((member) => member.name === leaf) ? parent?.file : undefined;
  };

  /** The file and what it needs, less what this stream was given before. */
  const withDependencies = (root: DescFile | undefined, what: string, sent: Set<DescFile>): Answer => {
    if (!root) return notFound(what);
    const fileDescriptorProto: Uint8Array[] = [];
    const visit = (file: DescFile): void => {
      if (sent.has(file) && file !== root) return;
      sent.add(file);
      fileDescriptorProto.push(toBinary(FileDescriptorProtoSchema, file.proto));
      for (const dependency of file.dependencies) if (!sent.has(dependency)) visit(dependency);
    };
    visit(root);
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
  };

  return ({ messageRequest: question }, sent) => {
    switch (question.case) {
      case "listServices": {
        const service = services.map(({ typeName }) => ({ name: typeName }));
        service.sort((one, other) => (one.name < other.name ? -1 : 1));
        return { case: "listServicesResponse", value: { service } };
      }
      case "fileByFilename":
        return withDependencies(files.get(question.value), question.value, sent);
      case "fileContainingSymbol":
        return withDependencies(fileOf(question.value), question.value, sent);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = question.value;
        const message = registry.getMessage(containingType);
        const extension = message && registry.getExtensionFor(message, extensionNumber);
        return withDependencies(extension?.file, `${containingType}:${extensionNumber}`, sent);
      }
      case "allExtensionNumbersOfType": {
        const baseTypeName = question.value;
        if (!registry.getMessage(baseTypeName)) return notFound(baseTypeName);
        const extensionNumber: number[] = [];
        for (const one of registry) {
          if (one.kind === "extension" && one.extendee.typeName === baseTypeName) extensionNumber.push(one.number);
        }
        return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } };
      }
      default:
        return { case: "errorResponse", value: { errorCode: Code.InvalidArgument, errorMessage: "nothing was asked" } };
    }
  };
}

function notFound(what: string): Answer {
  return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: `${what} not found` } };
}
