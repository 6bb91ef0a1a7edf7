-- `writing`: an object that a call of record/effects.lua writes. `ttl` is in milliseconds; see guard/objects.lua.
-- @include guard/objects
local writing = { rank = 1, texts = 3, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }

function writing.open(group, _, _, _, fields, at)
  group.ttl = tonumber(fields[at])
end

function writing.commands()
  return { 'HSET', 'HDEL', 'DEL', 'PEXPIRE' }
end

function writing.prepare(_, texts, from, key)
  local request = {
    ops = cjson.decode(texts[from]),
    whole = texts[from + 1] == '1',
    version = tonumber(texts[from + 2]),
  }
  local plan = objects.prepare(key, request)
  if type(plan) == 'string' then
    return nil, '1 ' .. plan
  elseif plan.err then
    return nil, plan
  end
  plan.key = key
  return plan
end

function writing.apply(group, plan)
  return objects.apply(plan.key, plan, group.ttl)
end
