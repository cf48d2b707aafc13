-- Shared by scripts after which a device may have more or less to start than before.

-- Takes a device off the list of ready devices that it stands on.
local function unready(endpoint, device)
  call('ZREM', ready_list(device.skill), endpoint)
  if device.skill and device.skill ~= '' then call('HSET', key('ep', endpoint), 'skill', '') end
end

-- Puts a device where a claim looks for it, or nowhere when nothing can start. Every script that changes a line, an
-- owner, a run or a gate ends with this, or with the part of it that can apply.
local function place(endpoint)
  settle()
  local device = gates(endpoint)
  local score, id
  if not device.run then score, id = head(endpoint, device) end
  if score then
    local skill = skill_of(id, device)
    local owner = taker(endpoint, device, skill)
    local list = not owner and skill or ''
    if device.skill and device.skill ~= list then
      unready(endpoint, device)
      if list ~= '' then call('HSET', key('ep', endpoint), 'skill', list) end
    end
    offer(owner, { score, endpoint }, nil, skill)
  elseif device.owner then
    call('ZREM', key('warm', device.owner), endpoint)
    call('ZREM', key('handoff'), endpoint)
  else
    unready(endpoint, device)
  end
end

-- Work without a device stands at an endpoint of its own, "job/<id>", which ends with it.
local function drop_own(endpoint)
  if string.sub(endpoint, 1, 4) ~= 'job/' then return end
  local device = call('HMGET', key('ep', endpoint), 'own', 'run', 'skill')
  local waits = { key('reads', endpoint), key('changes', endpoint), key('later', endpoint) }
  if device[2] or call('EXISTS', key('holds', endpoint), unpack(waits)) > 0 then return end
  if device[1] then let_go(endpoint, device[1]) end
  call('ZREM', ready_list(device[3]), endpoint)
  call('UNLINK', key('ep', endpoint))
end
