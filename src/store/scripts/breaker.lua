-- Shared by scripts about breakers. A breaker counts failures in a row: of a device, to be reached; of a credential, to
-- be let in. Open, it keeps attempts from connecting until a time, and then lets one try at a time.
-- @needs lines

-- `n` failures in a row · `r`, `m` reason and words of the last · `k` the credential that a device refused · `o` open
-- since · `t` when somebody may try again
local function breaker_key(name)
  return key('breaker', name)
end

-- Starts again, at once, what waits for a device whose breaker was closed; a bounded number.
local function release_put_off(endpoint)
  local released = 0
  for _, id in ipairs(call('SRANDMEMBER', key('later', endpoint), 1000)) do
    if call('HEXISTS', key('job', id), 'bk') == 1 then
      start(id)
      released = released + 1
    end
  end
  return released
end
