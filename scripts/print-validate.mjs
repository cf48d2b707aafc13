// Writes proto/buf/validate/validate.proto from the descriptor that
// @bufbuild/protovalidate (npm) carries. No network. Comments and the
// predefined CEL expressions are left out: the runtime has its own copy.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { FieldDescriptorProto_Type as T, FieldDescriptorProto_Label as L } from "@bufbuild/protobuf/wkt";
import { FieldDescriptorProto_TypeSchema } from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate as file } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
const scalar = (t) => FieldDescriptorProto_TypeSchema.value[t].name.slice("TYPE_".length).toLowerCase();
const typeOf = (f) => (f.type === T.MESSAGE || f.type === T.ENUM ? f.typeName : scalar(f.type));
const label = { [L.OPTIONAL]: "optional ", [L.REPEATED]: "repeated ", [L.REQUIRED]: "required " };
const MAX = 536870912;
const range = (r, inc) => {
  const e = inc ? r.end : r.end - 1;
  return e >= MAX - 1 ? `${r.start} to max` : e === r.start ? `${r.start}` : `${r.start} to ${e}`;
};
function field(f, pre) {
  const o = [];
  if (f.options?.deprecated) o.push("deprecated = true");
  if (f.defaultValue) o.push(`default = ${f.defaultValue}`);
  return `${pre}${typeOf(f)} ${f.name} = ${f.number}${o.length ? ` [${o.join(", ")}]` : ""};`;
}
function enm(e) {
  const out = [`enum ${e.name} {`];
  if (e.options?.allowAlias) out.push("  option allow_alias = true;");
  for (const v of e.value) out.push(`  ${v.name} = ${v.number};`);
  if (e.reservedRange.length) out.push(`  reserved ${e.reservedRange.map((r) => range(r, true)).join(", ")};`);
  if (e.reservedName.length) out.push(`  reserved ${e.reservedName.map((n) => `"${n}"`).join(", ")};`);
  return [...out, "}"];
}
const indent = (l) => l.map((s) => `  ${s}`);
function msg(m) {
  const out = [`message ${m.name} {`];
  for (const e of m.enumType) out.push(...indent(enm(e)));
  for (const n of m.nestedType) out.push(...indent(msg(n)));
  const done = new Set();
  for (const f of m.field) {
    if (f.oneofIndex === undefined || !Object.hasOwn(f, "oneofIndex")) {
      out.push(`  ${field(f, label[f.label])}`);
      continue;
    }
    if (done.has(f.oneofIndex)) continue;
    done.add(f.oneofIndex);
    out.push(`  oneof ${m.oneofDecl[f.oneofIndex].name} {`);
    for (const g of m.field)
      if (Object.hasOwn(g, "oneofIndex") && g.oneofIndex === f.oneofIndex) out.push(`    ${field(g, "")}`);
    out.push("  }");
  }
  if (m.extensionRange.length) out.push(`  extensions ${m.extensionRange.map((r) => range(r, false)).join(", ")};`);
  if (m.reservedRange.length) out.push(`  reserved ${m.reservedRange.map((r) => range(r, false)).join(", ")};`);
  if (m.reservedName.length) out.push(`  reserved ${m.reservedName.map((n) => `"${n}"`).join(", ")};`);
  return [...out, "}"];
}
const p = file.proto;
const out = [
  "// Copyright 2023-2026 Buf Technologies, Inc. Licensed under the Apache License, Version 2.0.",
  "// Printed from the descriptor in the npm package @bufbuild/protovalidate; do not edit.",
  `syntax = "${p.syntax || "proto2"}";`,
  "",
  `package ${p.package};`,
  "",
  ...p.dependency.map((d) => `import "${d}";`),
  "",
  `option go_package = "${p.options.goPackage}";`,
  `option java_multiple_files = ${p.options.javaMultipleFiles};`,
  `option java_outer_classname = "${p.options.javaOuterClassname}";`,
  `option java_package = "${p.options.javaPackage}";`,
  "",
  ...p.extension.flatMap((e) => [`extend ${e.extendee} {`, `  ${field(e, label[e.label])}`, "}", ""]),
  ...p.messageType.flatMap((m) => [...msg(m), ""]),
  ...p.enumType.flatMap((e) => [...enm(e), ""]),
];
const target = process.argv[2] ?? "proto/buf/validate/validate.proto";
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, out.join("\n"));
