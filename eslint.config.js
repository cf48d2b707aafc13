import tseslint from "typescript-eslint";

/** What each room of the house may import. Arrows point one way; see docs/architecture.md. */
const rooms = {
  domain: ["domain"],
  system: ["domain", "system"],
  streams: ["streams"],
  store: ["domain", "streams", "store"],
  device: ["domain", "streams", "device"],
  secrets: ["domain", "secrets"],
  outbound: ["domain", "outbound"],
  telemetry: ["telemetry"],
  tasks: ["domain", "tasks"],
  api: ["domain", "store", "secrets", "telemetry", "outbound", "tasks", "api", "errors"],
  worker: ["domain", "store", "secrets", "telemetry", "device", "outbound", "worker"],
  scheduler: ["domain", "store", "secrets", "telemetry", "outbound", "scheduler"],
  observe: ["domain", "store", "device", "api", "worker", "observe"],
  cli: ["cli"],
};

const outside = [
  "api",
  "cli",
  "commands",
  "dev",
  "device",
  "domain",
  "observe",
  "scheduler",
  "outbound",
  "secrets",
  "store",
  "streams",
  "system",
  "tasks",
  "telemetry",
  "worker",
  "errors",
  "config",
  "main",
  "version",
];

const arrows = Object.entries(rooms).map(([room, allowed]) => ({
  files: [`src/${room}/**/*.ts`],
  rules: {
    "@typescript-eslint/no-restricted-imports": [
      "error",
      {
        patterns: [
          {
            regex: `^(\\.\\./)+(${outside.filter((name) => !allowed.includes(name)).join("|")})(/|\\.js$)`,
            message: `src/${room} may import only: ${allowed.join(", ")}.`,
          },
          ...(room === "domain"
            ? [{ regex: "^[^.n]|^node:(?!net$)", message: "The domain is pure: no packages, no I/O." }]
            : []),
        ],
      },
    ],
  },
}));

/** Time and randomness are handed in, so that the real engine runs in a simulation. */
const ambient = [
  ["Date", "now"],
  ["Math", "random"],
  ["performance", "now"],
  ["crypto", "randomUUID"],
].map(([object, property]) => ({ object, property, message: "Take Clock or Random as a parameter." }));

export default tseslint.config(
  { ignores: ["**/dist/", "**/gen/", "**/node_modules/", "coverage/", "bench/node_modules/"] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: ["./tsconfig.json", "./sdk/tsconfig.json", "./test/tsconfig.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // Our objects are closures, made by factories: their methods need no `this`.
      "@typescript-eslint/unbound-method": "off",
      // Handlers and ports are asynchronous by contract, whether or not one implementation waits.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/prefer-promise-reject-errors": [
        "error",
        { allowThrowingUnknown: true, allowThrowingAny: false },
      ],
      "max-lines": ["error", { max: 400, skipComments: true, skipBlankLines: true }],
      "no-console": "error",
      eqeqeq: "error",
    },
  },
  {
    files: ["src/{domain,worker,scheduler}/**/*.ts"],
    rules: {
      "no-restricted-properties": ["error", ...ambient],
      "no-restricted-globals": ["error", "setTimeout", "setInterval", "setImmediate"],
    },
  },
  ...arrows,
  {
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-unsafe-assignment": "off",
    },
  },
  { files: ["**/*.{js,mjs}"], ...tseslint.configs.disableTypeChecked },
);
