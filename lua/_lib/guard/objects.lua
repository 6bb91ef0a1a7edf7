-- `objects`: an object in a hash with a version, changed in two phases. Its fields hold JSON; ":v" is the version, ":x" the JSON of a
-- value that is stored whole, and then the only other field. A hash without ":v" is no object.
--
-- Invariant: versions of an id rise for ever. Each is greater than the one before and at least Redis' time in microseconds, so a new
-- object is not taken for a deleted one.
--
-- - `objects.prepare(key, request)` returns the plan; or a text that says why there is none: "v version" (another version is stored), "w " (the value is
--   stored whole, and has no fields), "n field" (no number), "l field floor|ceiling value"; or an error. `request`: {ops, whole, version}; ops are ["s", field, JSON], ["d", field] and
--   ["i", field, by, floor, ceiling]; `whole` replaces all fields; `version` is nil for any, 0 for none.
-- - `objects.apply(key, plan, ttl, field_ttl)` writes. `ttl` is of the object, `field_ttl` of the fields that it sets, in milliseconds; 0 for
--   none. It returns "+version" and a line for each incremented field.
-- - `objects.prepare_removal(key, request)` and `objects.apply_removal(key, plan)` delete it: "+version", 0 when there was none.
-- - `objects.expires(key)` is whether the server can expire fields.
-- @include now
local objects = { prepare = nil, apply = nil, prepare_removal = nil, apply_removal = nil, expires = nil }

local LARGEST = 9007199254740991

-- The last version of each key in this call. Redis' time does not change during a call, in which an object may be deleted and set.
local given = {}

-- The refusal or the error; else nil, the version, and whether the value is stored whole.
local function look(key, request)
  local stored = redis.pcall('HMGET', key, ':v', ':x')
  if stored.err then
    return stored
  end
  local version = tonumber(stored[1] or 0)
  if not version or version > LARGEST then
    return { err = 'ERR ' .. key .. ' was not written by objects: delete it' }
  end
  if request.version and request.version ~= version then
    return string.format('v %.0f', version)
  end
  return nil, version, stored[2]
end

function objects.expires(key)
  -- A field that no object has: the call changes nothing.
  local wrong = redis.pcall('HPEXPIRE', key, 1, 'FIELDS', 1, ':none').err
  return wrong == nil or string.sub(wrong, 1, 9) == 'WRONGTYPE'
end

-- A number of a field as text that JSON has too.
local function text_of(number)
  return number == math.floor(number) and math.abs(number) <= LARGEST and string.format('%.0f', number)
    or string.format('%.17g', number)
end

function objects.prepare(key, request)
  local refused, version, one = look(key, request)
  if refused then
    return refused
  end
  if one and not request.whole then
    return 'w '
  end
  local set, gone, sums, lines = {}, {}, {}, {}
  for _, op in ipairs(request.ops) do
    local kind, field = op[1], op[2]
    if kind == 's' then
      set[field] = op[3]
    elseif kind == 'd' then
      gone[#gone + 1] = field
    else
      local before = sums[field] or not request.whole and redis.pcall('HGET', key, field) or '0'
      local value = type(before) == 'string' and tonumber(before)
      if not value then
        return type(before) == 'table' and before or 'n ' .. field
      end
      local after = value + op[3]
      if op[3] < 0 and after < op[4] then
        return 'l ' .. field .. ' floor ' .. text_of(value)
      end
      if op[3] > 0 and after > op[5] then
        return 'l ' .. field .. ' ceiling ' .. text_of(value)
      end
      if after ~= after or math.abs(after) == math.huge then
        return 'n ' .. field
      end
      sums[field] = text_of(after)
      set[field] = sums[field]
      lines[#lines + 1] = sums[field]
    end
  end
  return { set = set, gone = gone, lines = lines, whole = request.whole, version = math.max(version + 1, (given[key] or 0) + 1, now) }
end

function objects.apply(key, plan, ttl, field_ttl)
  given[key] = plan.version
  local fields = { ':v', string.format('%.0f', plan.version) }
  local expiring = {}
  for field, json in pairs(plan.set) do
    fields[#fields + 1] = field
    fields[#fields + 1] = json
    expiring[#expiring + 1] = field
  end
  if plan.whole then
    redis.call('DEL', key)
  elseif #plan.gone > 0 then
    redis.call('HDEL', key, unpack(plan.gone))
  end
  redis.call('HSET', key, unpack(fields))
  if ttl > 0 then
    redis.call('PEXPIRE', key, ttl)
  end
  if field_ttl and field_ttl > 0 and #expiring > 0 then
    redis.call('HPEXPIRE', key, field_ttl, 'FIELDS', #expiring, unpack(expiring))
  end
  table.insert(plan.lines, 1, fields[2])
  return '+' .. table.concat(plan.lines, '\n')
end

function objects.prepare_removal(key, request)
  local refused, version = look(key, request)
  return refused or { version = version }
end

function objects.apply_removal(key, plan)
  given[key] = math.max(plan.version, given[key] or 0)
  redis.call('DEL', key)
  return string.format('+%.0f', plan.version)
end
