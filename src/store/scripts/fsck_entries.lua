#!lua flags=allow-oom
-- Checks that entries of one set have what they stand for.
-- @include hold, lines, place, freezes, limits, fsck
--
-- ARGV  3 kind of the set · 4 the rest of its name, or '' · 5… members, at most 100
-- Cost  O(members · log n)

local kind, name = ARGV[3], ARGV[4]
local set = name == '' and key(kind) or key(kind, name)

local function has_name(job, wanted)
  for _, limit in ipairs(job.def and names_of(cjson.decode(job.def)) or {}) do
    if limit == wanted then return true end
  end
  return false
end

local function in_line(line)
  return function(job)
    return job.st == 'QUEUED' and job.ep == name and line_of(job.cls) == line and not job.parked
  end
end

local function passes(line)
  return function(job, id)
    return in_line(line)(job) and score_of(key(line, name), id) and call('HGET', key('ep', name), 'locker') == cjson.decode(job.def).by
  end
end

-- Whether the entry of a job is justified. The job is there.
local justified = {
  ['ix:state'] = function(job) return job.st == name end,
  ['ix:deleted'] = function(job) return job.st == name and job.del end,
  ['ix:device'] = function(job)
    local definition = cjson.decode(job.def)
    return (definition.addr ~= '' and 'address/' .. string.lower(definition.addr) == name)
      or (definition.dev and 'device/' .. definition.dev == name) or (definition.node and 'node/' .. definition.node == name)
  end,
  ['ix:run'] = function(job) return job.run and string.match(job.run, '^%S+') == name end,
  reads = in_line('reads'),
  changes = in_line('changes'),
  ['reads-pass'] = passes('reads'),
  ['changes-pass'] = passes('changes'),
  later = function(job) return job.ep == name and (job.st == 'DELAYED' or (job.st == 'QUEUED' and job.parked)) end,
  delayed = function(job) return job.st == 'DELAYED' end,
  expire = function(job) return is_waiting(job.st) end,
  parked = function(job) return job.st == 'QUEUED' and job.parked == name end,
  permits = function(job)
    return job.permits and (job.st == 'QUEUED' or is_running(job.st)) and not job.parked and has_name(job, name)
  end,
  queue = function(job) return is_live(job.st) and job.queue == name end,
  holds = function(job) return job.st == 'INDETERMINATE' and not job.rsl and job.ep == name end,
  cancels = function(job) return job.st == 'CANCELLING' and job.w == name end,
  ['done:good'] = function(job) return job.st == 'SUCCEEDED' end,
  ['done:bad'] = function(job)
    return FINAL[job.st] and job.st ~= 'SUCCEEDED' and (job.st ~= 'INDETERMINATE' or job.rsl)
  end,
  outputs = function(job) return FINAL[job.st] and job.ob and not job.gone end,
}

local function remove(member)
  if call('TYPE', set).ok == 'zset' then call('ZREM', set, member) else call('SREM', set, member) end
end

-- What hangs on an entry and has to follow it.
local function follow(member)
  if kind == 'permits' then
    -- A running job whose hash forgot that it holds permits has them on.
    local job = read(key('job', member), 'st', 'def')
    if is_running(job.st) and has_name(job, name) then
      call('SADD', set, member)
      call('HSET', key('job', member), 'permits', 1)
    elseif in_set(key('crowds'), name) then
      admit(name)
    end
  elseif kind == 'holds' then
    local device = key('ep', name)
    if call('HGET', device, 'hold') == member then
      local other = call('ZRANGE', set, 0, 0)[1]
      if other then call('HSET', device, 'hold', other) else call('HDEL', device, 'hold') end
    end
    place(name)
  elseif kind == 'reads' or kind == 'changes' or kind == 'reads-pass' or kind == 'changes-pass' then
    place(name)
  end
end

-- Whether a device, a worker or a name is justified in a set that does not hold jobs; nil for sets that do.
local others = {
  owned = function(endpoint) return call('HGET', key('ep', endpoint), 'own') == name end,
  warm = function(endpoint) return call('HGET', key('ep', endpoint), 'own') == name end,
  held = function(endpoint) return score_of(key('holds', endpoint), name) end,
  ready = function(endpoint) return (call('HGET', key('ep', endpoint), 'skill') or '') == name end,
  skilled = function(worker) return in_set(key('skills', worker), name) and in_set(key('alive'), worker) end,
}

-- A device is held for a job, or for a reason that keeps its devices in a set of its own.
local function held_for(reason)
  return (reason == 'restore' or string.sub(reason, 1, 7) == 'worker/') and in_set(key('held', reason), name)
end

for i = 5, #ARGV do
  local member = ARGV[i]
  local there, right
  if others[kind] then
    if call('TYPE', set).ok == 'set' then there = in_set(set, member) else there = score_of(set, member) end
    right = there and others[kind](member)
  else
    if call('TYPE', set).ok == 'set' then there = in_set(set, member) else there = score_of(set, member) end
    local job = there and read(key('job', member), 'st', 'ep', 'cls', 'parked', 'permits', 'queue', 'rsl', 'w',
      'ob', 'gone', 'def', 'run', 'del')
    right = there and ((job.st and justified[kind](job, member)) or (kind == 'holds' and held_for(member)))
  end
  local function mend()
    remove(member)
    follow(member)
  end
  if there and not right and kind == 'holds' and call('EXISTS', key('job', member)) == 0 and not held_for(member) then
    found(member, 'hold-has-its-job', set, 'it holds for job ' .. member .. ', which is lost: nobody has said what it did',
      by_person(mend))
  elseif there and not right then
    found(member, 'entry-has-its-reason', set, member .. ' stands in it without the right to', mend)
  end
end
return findings
