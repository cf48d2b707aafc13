-- Shared by scripts that write about a running job.
-- @needs gate

local dead = {}

-- Whether this worker still holds this device for this job: owner, job and fence must all be the caller's, and the
-- worker not buried. Gives what gates() gives, or nil.
local function held(worker, endpoint, id, fence)
  local device = gates(endpoint)
  if device.owner ~= worker or device.run ~= id or device.fence ~= fence then return nil end
  if dead[worker] == nil then dead[worker] = call('HGET', key('worker', worker), 'st') == 'dead' end
  return not dead[worker] and device or nil
end

-- What a write is answered that does not hold its device: while the zone is being reconciled, it may yet.
local function refused()
  return gate_shut() == 'SHUT' and 'SHUT' or 'FENCED'
end
