using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace QedVd.Architecture.Tests;

/// <summary>Writes down what a caller of an assembly can see: public types, and their public and protected members, sorted.</summary>
internal static class PublicApi
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static string Render(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (string type in assembly.GetExportedTypes().Select(RenderType).Order(StringComparer.Ordinal))
        {
            text.Append(text.Length == 0 ? "" : "\n").Append(type);
        }

        return text.ToString();
    }

    private static string RenderType(Type type)
    {
        string name = ApiNames.Of(type);
        if (typeof(Delegate).IsAssignableFrom(type) && type.GetMethod("Invoke") is { } invoke)
        {
            return $"{name}: delegate ({ApiNames.Parameters(invoke)}) -> {ApiNames.Return(invoke)}{ApiNames.Constraints(type)}\n";
        }

        var text = new StringBuilder($"{name}: {KindOf(type)}");
        string[] bases = [.. BasesOf(type)];
        text.Append(bases.Length == 0 ? "" : " : " + string.Join(", ", bases)).Append(ApiNames.Constraints(type)).Append('\n');

        foreach (string member in type.IsEnum ? EnumMembers(type) : Members(type).Order(StringComparer.Ordinal))
        {
            text.Append("    ").Append(member).Append('\n');
        }

        return text.ToString();
    }

    private static string KindOf(Type type)
    {
        if (type.IsEnum)
        {
            bool flags = type.IsDefined(typeof(FlagsAttribute), inherit: false);
            return $"{(flags ? "flags " : "")}enum of {ApiNames.Of(Enum.GetUnderlyingType(type))}";
        }

        if (type.IsInterface)
        {
            return "interface";
        }

        if (type.IsValueType)
        {
            bool readOnly = type.IsDefined(typeof(IsReadOnlyAttribute), inherit: false);
            bool record = type.GetMethod("PrintMembers", Declared) is not null;
            return $"{(readOnly ? "readonly " : "")}{(type.IsByRefLike ? "ref " : "")}{(record ? "record " : "")}struct";
        }

        string modifier = type is { IsAbstract: true, IsSealed: true } ? "static " : type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : "";
        return $"{modifier}{(type.GetMethod("<Clone>$", Declared) is null ? "class" : "record")}";
    }

    private static IEnumerable<string> BasesOf(Type type)
    {
        if (type.IsEnum)
        {
            return [];
        }

        Type? parent = type.BaseType == typeof(object) || type.BaseType == typeof(ValueType) ? null : type.BaseType;
        IEnumerable<Type> interfaces = type.GetInterfaces().Where(one => one.IsVisible).Except(parent?.GetInterfaces() ?? []);
        return (parent is null ? [] : new[] { ApiNames.Of(parent) }).Concat(interfaces.Select(ApiNames.Of).Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> EnumMembers(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => (field.Name, Value: Convert.ToDecimal(field.GetRawConstantValue(), null)))
            .OrderBy(member => member.Value).ThenBy(member => member.Name, StringComparer.Ordinal)
            .Select(member => $"{member.Name} = {member.Value}");

    private static IEnumerable<string> Members(Type type)
    {
        foreach (FieldInfo field in type.GetFields(Declared).Where(field => IsSeen(field.IsPublic, field.IsFamily || field.IsFamilyOrAssembly, type)))
        {
            string modifier = field.IsLiteral ? "const " : $"{(field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}";
            string value = field.IsLiteral ? $" = {ApiNames.Literal(field.GetRawConstantValue(), field.FieldType)}" : "";
            yield return $"{field.Name}: {Access(field.IsPublic)}{modifier}{Required(field)}field {ApiNames.Of(field.FieldType)}{value}";
        }

        foreach (ConstructorInfo constructor in type.GetConstructors(Declared).Where(one => !one.IsStatic && IsSeen(one, type)))
        {
            yield return $".ctor: {Access(constructor.IsPublic)}({ApiNames.Parameters(constructor)})";
        }

        foreach (PropertyInfo property in type.GetProperties(Declared))
        {
            string[] accessors = [.. property.GetAccessors(nonPublic: true).Where(one => IsSeen(one, type)).Select(one => Accessor(property, one)).Order(StringComparer.Ordinal)];
            if (accessors.Length > 0)
            {
                MethodInfo first = property.GetAccessors(nonPublic: true).First(one => IsSeen(one, type));
                string index = property.GetIndexParameters().Length == 0 ? "" : $"[{ApiNames.Parameters(property.GetIndexParameters())}]";
                yield return $"{property.Name}{index}: {Modifiers(first, type)}{Required(property)}{{ {string.Join("; ", accessors)} }} -> {ApiNames.Of(property.PropertyType)}";
            }
        }

        foreach (EventInfo @event in type.GetEvents(Declared).Where(one => one.AddMethod is { } add && IsSeen(add, type)))
        {
            yield return $"{@event.Name}: {Modifiers(@event.AddMethod!, type)}event {ApiNames.Of(@event.EventHandlerType!)}";
        }

        foreach (MethodInfo method in type.GetMethods(Declared).Where(one => IsSeen(one, type) && IsWritten(one)))
        {
            yield return $"{method.Name}{ApiNames.Arguments(method)}: {Modifiers(method, type)}({ApiNames.Parameters(method)}) -> {ApiNames.Return(method)}{ApiNames.Constraints(method)}";
        }
    }

    private static string Accessor(PropertyInfo property, MethodInfo accessor)
    {
        bool init = accessor.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit));
        string name = accessor == property.GetMethod ? "get" : init ? "init" : "set";
        return Access(accessor.IsPublic) + name;
    }

    /// <summary>Operators are written by someone; accessors show with their property, and what a record generates shows with "record".</summary>
    private static bool IsWritten(MethodInfo method) =>
        (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal))
        && !method.Name.StartsWith('<')
        && !method.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false);

    private static string Modifiers(MethodInfo method, Type type)
    {
        string kind = method switch
        {
            { IsStatic: true, IsAbstract: true } => "static abstract ",
            { IsStatic: true } => "static ",
            _ when type.IsInterface => method.IsAbstract ? "" : "default ",
            { IsAbstract: true } => "abstract ",
            { IsVirtual: true, IsFinal: false } when method.GetBaseDefinition() != method => "override ",
            { IsVirtual: true, IsFinal: false } when !type.IsSealed => "virtual ",
            _ => "",
        };
        return Access(method.IsPublic) + kind;
    }

    private static string Access(bool isPublic) => isPublic ? "" : "protected ";

    private static string Required(MemberInfo member) => member.IsDefined(typeof(RequiredMemberAttribute), inherit: false) ? "required " : "";

    private static bool IsSeen(MethodBase method, Type type) => IsSeen(method.IsPublic, method.IsFamily || method.IsFamilyOrAssembly, type);

    private static bool IsSeen(bool isPublic, bool isProtected, Type type) => isPublic || (isProtected && !type.IsSealed);
}
