-- Shared by scripts that write what an attempt brought.

-- Whether a fact, the inside of a JSON object, says where output lies.
local function is_output(fact)
  return string.sub(fact, 1, 12) == '"k":"output"'
end

-- What is said where output is cut, by why.
local CUT = {
  memory = '"k":"log","lv":"warning","m":"the output is not kept from here on: Redis is nearly full"',
  forgotten = '"k":"log","lv":"warning","m":"some output is missing here: Redis came back without it"',
}
