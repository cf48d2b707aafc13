-- Shared by the fsck scripts, each of which looks at a bounded number of things and judges them in one step, so that
-- nothing moves under its eyes: what it finds is true at that moment.
--
-- ARGV  2 '1' to mend what is safe to mend, '2' also what a person answers for
-- Gives a list of {thing, invariant, key, detail, 1 when it can be mended, 1 when it was}

local repairing = ARGV[2] ~= '0'
local findings = {}

-- Reports a broken invariant. `mend` makes it hold again; nil when only a person can decide.
local function found(thing, invariant, where, detail, mend)
  local mended = repairing and mend ~= nil
  if mended then mend() end
  findings[#findings + 1] = { thing, invariant, where, detail, mend and 1 or 0, mended and 1 or 0 }
end

-- What frees a device of a job that is lost: nobody can say any more what it did there, so that a person has to look.
local function by_person(mend)
  return ARGV[2] == '2' and mend or nil
end

local function read(where, ...)
  local values, facts = call('HMGET', where, ...), {}
  for i, field in ipairs({ ... }) do facts[field] = values[i] end
  return facts
end

local function score_of(set, member)
  local score = call('ZSCORE', set, member)
  return score and tonumber(score)
end

local function in_set(set, member)
  return call('SISMEMBER', set, member) == 1
end

local function is_waiting(state)
  return state == 'QUEUED' or state == 'DELAYED'
end

local function is_running(state)
  return state == 'RUNNING' or state == 'CANCELLING'
end

local function is_live(state)
  return is_waiting(state) or is_running(state)
end
