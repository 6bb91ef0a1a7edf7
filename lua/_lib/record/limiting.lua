-- `limiting`: tokens that a call of record/effects.lua takes of a subject. The fields of the plan: the rules, see limiter/charging.lua, and
-- how many keys a subject has. The text of a change is its cost. All changes of a group are one charge of the subject.
-- @include now
-- @include limiter/charging
local limiting = { rank = 1, texts = 1, fields = 2, open = nil, commands = nil, prepare = nil, apply = nil }

function limiting.open(group, _, _, _, fields, at)
  group.of = charging.open(fields[at])
  group.keys = tonumber(fields[at + 1])
end

function limiting.commands(group)
  local commands = { 'GET', 'SET', 'SETRANGE' }
  if next(group.of.owners) then
    commands[4] = 'DEL'
  end
  return commands
end

-- What the client decodes: the first number of charge.lua's reply and those of the rules, or the end and the reason of a block.
local function text_of(reply)
  local words = { reply[1] }
  for at = reply[1] == 2 and 2 or 3, #reply do
    words[#words + 1] = type(reply[at]) == 'number' and string.format('%.0f', math.floor(reply[at])) or reply[at]
  end
  return table.concat(words, ' ')
end

function limiting.prepare(group, texts, from, _, own)
  if group.of.mistimed then
    return nil, now
  end
  local cost = 0
  for nth = 1, group.n do
    cost = cost + texts[from + nth - 1]
  end
  local places = { unpack(own, group.own, group.own + group.keys - 1) }
  local plan, wrong = charging.prepare(group.of, places, cost, 'take', '')
  if not plan then
    return nil, wrong
  end
  plan.text = text_of(plan.reply)
  if not plan.allowed then
    -- No token is charged. If the server's clock was set back, the times of the state are corrected.
    charging.apply(group.of, plan)
    local lines = {}
    for nth = 1, group.n do
      lines[nth] = nth .. ' ' .. plan.text
    end
    return nil, table.concat(lines, '\n')
  end
  return plan
end

function limiting.apply(group, plan)
  charging.apply(group.of, plan)
  return plan.text .. string.rep('\n' .. plan.text, group.n - 1)
end
