import { clone, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";

/** The same bytes for equal messages: binary form with the entries of maps in the order of their keys. */
export function canonicalBytes<Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>): Uint8Array {
  const copy = clone(desc, message);
  sortMaps(reflect(desc, copy));
  return toBinary(desc, copy);
}

function sortMaps(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    if (field.fieldKind === "map") {
      const map = message.get(field);
      const entries = Array.from(map).sort(([one], [other]) => (String(one) < String(other) ? -1 : 1));
      map.clear();
      for (const [key, value] of entries) map.set(key, value);
      if (field.mapKind === "message") for (const [, value] of entries) sortMaps(value as ReflectMessage);
    } else if (field.fieldKind === "list") {
      if (field.listKind === "message") for (const item of message.get(field)) sortMaps(item as ReflectMessage);
    } else if (field.fieldKind === "message") {
      sortMaps(message.get(field));
    }
  }
}
