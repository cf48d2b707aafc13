import type { SimulatedDeviceHandle } from "../../src/dev/simulator/device-handle.js";

/** A simulated device that cannot be reached any more from the moment it is asked this, until it listens again. */
export function lostAt(device: SimulatedDeviceHandle, command: string): SimulatedDeviceHandle {
  device.addCommand({
    command,
    output: () => {
      device.stopListening();
      device.disconnectAll();
      return "";
    },
  });
  return device;
}
